"""Complete the MLflow store from git and DVC: what was restored, cloned, or could not be logged."""

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from animals10 import files
from animals10.errors import UserError
from animals10.files import Lock
from animals10.tracking import provenance, registry, results, store
from animals10.tracking.record import Record, find_experiment


def sync(history: bool = False) -> Iterator[str]:
    """Record what MLflow lacks of the workspace and of every experiment of this clone.

    Args:
        history: earlier commits of the repository as well.

    Yields:
        A line about each.

    Raises:
        UserError: MLflow does not respond, another sync runs, or something could not be recorded.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many small models
    with store.explained():
        store.connect()
    try:
        with FileLock(files.root() / "mlflow.db.sync", blocking=False):
            yield from _sync_all(history)
    except Timeout:
        raise UserError("another sync is at work; wait for it") from None


def _sync_all(history: bool) -> Iterator[str]:
    names = {commit: name for name, commit in provenance.experiments()}
    names[""] = "workspace"  # last, since its results may be an experiment's
    refs = ("--branches", "--remotes", "--tags")
    earlier = provenance.commits(*refs) if history else []
    failures = 0
    for revision in dict.fromkeys([*names, *earlier]):
        try:
            outcome = _record(names.get(revision, "") * bool(revision), revision)
        except Exception as error:  # one that is damaged does not keep the others from being tried
            failures += revision in names  # of earlier ones the models may be gone
            problem = error if isinstance(error, UserError) else store.describe(error)
            outcome = f"not recorded, {problem}"
        yield f"{names.get(revision, revision[:7])}: {outcome}"
    try:
        yield from registry.follow()
    except Exception as error:
        failures += 1
        yield f"registry: not complete, {store.describe(error)}"
    if failures:
        raise UserError(f"{failures} not recorded; see above")


def _record(name: str, revision: str) -> str:
    """Log the stages that the record of a revision lacks; say which."""
    text = provenance.read(revision, "dvc.lock")
    if not text:
        return "has no results"  # say, a branch with pages
    lock = files.read_lock(text)
    if lock["stages"] and provenance.SPLITS not in files.outs(lock):
        return "is of an earlier version of this pipeline; what MLflow has of it stays as it is"
    if missing := [stage for stage in results.OUTPUTS if stage not in lock["stages"]]:
        return f"not recorded, {', '.join(missing)} has not run; `dvc repro` runs it"
    if stale := sorted(provenance.outdated(lock) & results.OUTPUTS.keys()):
        return f"not recorded, {', '.join(stale)} has not run since its inputs changed"
    tags, lacking = _compare(name, revision, lock)
    if not lacking:
        return "complete"
    if not revision and (changed := changed_stages()):
        raise UserError(f"`dvc repro` would rerun {', '.join(sorted(changed))}; run it first")
    _log(lacking, tags, revision, lock)
    return f"recorded {', '.join(lacking)}"


def _compare(name: str, revision: str, lock: Lock) -> tuple[dict[str, str], list[str]]:
    """Return an experiment's tags, and the stages whose result has no run."""
    tags = provenance.identity(lock) | ({"experiment": name} if name else {})
    records = store.connect()
    # For the workspace by identity alone, since its results may be an experiment's.
    found = find_experiment(records, tags, provenance.evaluated(lock))
    known = found.data.tags["experiment"] if found else provenance.experiment(tags)
    about = {"experiment": name or known, "revision": revision or provenance.revision()}
    runs = records.search(**{store.PARENT: found.info.run_id}) if found else []
    recorded, made = {run.data.tags.get("output") for run in runs}, files.outs(lock)
    lacking = [stage for stage, path in results.OUTPUTS.items() if made[path] not in recorded]
    preset = {} if revision else provenance.preset()  # of the workspace alone is it known
    return tags | about | preset, lacking


def changed_stages() -> set[str]:
    """Return the stages that `dvc repro` would run, beside `check`, which always runs.

    Raises:
        UserError: `dvc status` fails, with its last line.
    """
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"`dvc status` fails: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return json.loads(done.stdout or "{}").keys() - {"check"}


def _log(stages: list[str], tags: dict[str, str], revision: str, lock: Lock) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in results.FILES:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(provenance.read_output(revision, lock, path))
        for stage in stages:
            Record(stage, tags, provenance.evaluated(lock), folder).finish()
