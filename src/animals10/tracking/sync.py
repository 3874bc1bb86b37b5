"""Complete the MLflow store from git and DVC: what was restored, cloned, or could not be logged."""

import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from mlflow.entities import Run

from animals10 import pipeline, workspace
from animals10.errors import UserError
from animals10.pipeline import Lock
from animals10.tracking import outputs, provenance, results, store
from animals10.tracking.record import OUTSIDE, Record, told

_FILES = ["params.yaml", "dvc.yaml", provenance.SPLITS, "metrics/split.json", *results.FILES]
_NONE = "has no results"  # say, a branch with pages


def sync(history: bool = False) -> Iterator[str]:
    """Record what MLflow lacks of the workspace and of every experiment of this clone.

    Args:
        history: earlier commits of the repository as well.

    Yields:
        A line about each.

    Raises:
        UserError: MLflow does not answer, another sync runs, or something could not be recorded.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many small models
    try:
        with FileLock(workspace.root() / "mlflow.db.sync", blocking=False):
            yield from _sync_all(history)
    except Timeout:
        raise UserError("another sync is at work; wait for it") from None


def _sync_all(history: bool) -> Iterator[str]:
    try:
        store.connect()
    except OUTSIDE as error:
        raise UserError(f"{told(error)}; check MLFLOW_TRACKING_URI") from None
    failures = 0
    tips = [*_experiments(), ("", "")]  # the workspace last: its results may be an experiment's
    for name, revision in tips:
        try:
            yield f"{name or 'workspace'}: {_record(name, revision)}"
        except UserError as error:
            failures += 1
            yield f"{name or 'workspace'}: not recorded, {error}"
        except Exception as error:  # one that is damaged does not keep the others from being told
            failures += 1
            yield f"{name or 'workspace'}: not recorded, {told(error)}"
    if history:
        yield from _sync_earlier({revision for _, revision in tips})
    if failures:
        raise UserError(f"{failures} not recorded; see above")


def _sync_earlier(done: set[str]) -> Iterator[str]:
    """Record earlier commits with results of their own; say of how many that is impossible."""
    failures = 0
    for revision in provenance.commits("--branches", "--remotes", "--tags"):
        if revision in done:
            continue
        try:
            line = _record("", revision)
        except (*OUTSIDE, UserError, KeyError):  # their models are gone, or the pipeline was other
            failures += 1
        else:
            if line.startswith("recorded"):
                yield f"{revision[:7]}: {line}"
    if failures:
        yield f"{failures} earlier commits: their results are not here; `dvc fetch --all-commits`?"


def _experiments() -> Iterator[tuple[str, str]]:
    """Yield name and commit of every experiment."""
    try:
        listing = provenance.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps")
    except provenance.NoRepository:
        return
    for line in listing.splitlines():
        commit, ref = line.split(" ", 1)
        # refs/exps/<two digits>/<the rest of its baseline>/<name>, beside DVC's own bookkeeping
        if experiment := re.fullmatch(r"refs/exps/\w{2}/\w{38}/(.+)", ref):
            yield experiment[1], commit


def _record(name: str, revision: str) -> str:
    """Log the stages that the record of a revision lacks; say which."""
    text = provenance.read(revision, "dvc.lock")
    if not text:
        return _NONE
    lock = pipeline.read_lock(text)
    if missing := [stage for stage in results.OUTPUTS if stage not in lock["stages"]]:
        return f"not recorded, {', '.join(missing)} has not run; `dvc repro` runs it"
    made = pipeline.outs(lock)
    if provenance.SPLITS not in made:
        return "is of an earlier version of this pipeline; what MLflow has of it stays as it is"
    tags, runs = _known(name, revision, lock)
    lacking = [
        stage
        for stage, path in results.OUTPUTS.items()
        if made[path] not in {run.data.tags.get("output") for run in runs[stage]}
    ]
    if any(store.is_alive(run) for stage in lacking for run in runs[stage]):
        return "is running"
    if not lacking:
        return "complete"
    if not revision and _changed_since(lock):
        raise UserError("code or parameters have changed since its results; `dvc repro` makes new")
    _log(lacking, tags, revision, lock)
    return f"recorded {', '.join(lacking)}"


def _known(name: str, revision: str, lock: Lock) -> tuple[dict[str, str], dict[str, list[Run]]]:
    """Return an experiment's tags, and its runs by stage as far as there are any."""
    client, place = store.connect()
    identity = provenance.identity(lock)
    tags = {**identity, store.EVALUATED: provenance.evaluated(lock)}
    # The workspace's results may be an experiment's.
    named = {"experiment": name} if name else {}
    finished = (*provenance.PLAN, store.EVALUATED, *named)
    found = store.find_parents(client, place, tags | named, finished) or [
        run
        for run in store.find_parents(client, place, tags | named, (*provenance.PLAN, *named))
        if store.EVALUATED not in run.data.tags
    ]
    told = found[0].data.tags["experiment"] if found else ""
    tags["experiment"] = name or told or provenance.experiment(identity)
    tags["revision"] = revision or provenance.revision()
    below = found[0].info.run_id if found else "none"
    stages = results.OUTPUTS
    return tags, {stage: store.find_stages(client, place, below, stage) for stage in stages}


def _changed_since(lock: Lock) -> bool:
    then, now = provenance.identity(lock), provenance.identity(provenance.planned())
    return any(now[key] != then[key] for key in ("code", "parameters"))


def _log(stages: list[str], tags: dict[str, str], revision: str, lock: Lock) -> None:
    evaluated = tags.pop(store.EVALUATED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in _FILES:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(outputs.read(revision, lock, path))
        for stage in stages:
            record = Record(stage, live=False)
            record.open(tags, evaluated, folder)
            record.finish(folder)
            record.close("FINISHED")
