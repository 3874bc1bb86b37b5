"""Complete the MLflow store from git and DVC: what was restored, cloned, or could not be logged."""

import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
from dvc.api import DVCFileSystem
from filelock import FileLock, Timeout

from animals10 import provenance, recording, store, tracking, workspace
from animals10.errors import UserError
from animals10.provenance import Lock
from animals10.tracking import MODELS, STAGES, Record

_FILES = [
    "params.yaml",
    provenance.SPLITS,
    "metrics/split.json",
    "models/classes.json",
    *recording.FILES,
    *(f"metrics/{stage}.json" for stage in MODELS),
    *(f"plots/history/{model}.csv" for model in MODELS.values()),
    *(f"models/{model}.keras" for model in MODELS.values()),
]
_NONE = "has no results"  # say, a branch with pages


def sync() -> Iterator[str]:
    """Record what MLflow lacks of the workspace, of every experiment and commit.

    Yields:
        A line about each.

    Raises:
        UserError: MLflow does not answer, another sync runs, or something could not be recorded.
    """
    keras.config.disable_interactive_logging()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many small models
    try:
        with FileLock(workspace.root() / "mlflow.db.sync", blocking=False):
            yield from _sync_all()
    except Timeout:
        raise UserError("another sync is at work; wait for it") from None


def _sync_all() -> Iterator[str]:
    try:
        store.connect()
    except Exception as error:
        raise UserError(
            f"MLflow does not answer ({store.reason(error)}); check MLFLOW_TRACKING_URI"
        ) from None
    failures = 0
    tips = list(_tips())
    for name, revision in tips:
        title = name or revision[:7] or "workspace"
        try:
            yield f"{title}: {_record(name, revision)}"
        except Exception as error:  # one that is damaged does not keep the others from being told
            failures += 1
            yield f"{title}: not recorded, {store.reason(error)}"
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
            told = _record("", revision)
        except Exception:  # most often their models are gone, or the pipeline was another one
            failures += 1
        else:
            if told.startswith("recorded"):
                yield f"{revision[:7]}: {told}"
    if failures:
        yield f"{failures} earlier commits: their results are not here; `dvc pull --all-commits`?"


def _tips() -> Iterator[tuple[str, str]]:
    """Yield name and commit of every experiment; for branches "" and a commit, or "" for none."""
    listing = provenance.git("for-each-ref", "--format=%(objectname) %(refname)")
    for line in listing.splitlines():
        commit, ref = line.split(" ", 1)
        # refs/exps/<two digits>/<the rest of its baseline>/<name>, beside DVC's own bookkeeping
        if experiment := re.fullmatch(r"refs/exps/\w{2}/\w{38}/(.+)", ref):
            yield experiment[1], commit
        elif ref.startswith(("refs/heads/", "refs/remotes/")):
            yield "", commit
    yield "", ""


def _record(name: str, revision: str) -> str:
    """Log the stages that the record of a revision lacks; say which."""
    try:
        text = DVCFileSystem(rev=revision or None).read_text("dvc.lock")
    except FileNotFoundError:
        return _NONE
    lock = provenance.read_lock(text)
    if missing := [stage for stage in STAGES if stage not in lock["stages"]]:
        return f"not recorded, {', '.join(missing)} has not run; `dvc repro` runs it"
    if provenance.SPLITS not in provenance.outs(lock):
        return "has results of an earlier layout of data, which an earlier revision records"
    client, place = store.connect()
    identity = provenance.identity(lock)
    tags = {**identity, "experiment": name or provenance.experiment(identity)}
    tags["revision"] = revision or provenance.revision()
    # A branch's or the workspace's results may be an experiment's.
    parent = store.find_parent(client, place, tags, named=bool(name))
    below = parent.info.run_id if parent else "none"
    runs = {stage: store.find_stages(client, place, below, stage) for stage in STAGES}
    lacking = [stage for stage in STAGES if not any("complete" in r.data.tags for r in runs[stage])]
    if any(store.is_alive(run) for stage in lacking for run in runs[stage]):
        return "is running"
    if parent:
        tags["experiment"] = parent.data.tags["experiment"]
    if not lacking:
        return "complete"
    if not revision and _changed_since(identity):
        raise UserError("code or parameters have changed since its results; `dvc repro` makes new")
    _log(lacking, tags, revision, lock)
    return f"recorded {', '.join(lacking)}"


def _changed_since(identity: dict[str, str]) -> bool:
    try:
        now = provenance.identity(provenance.planned())
    except FileNotFoundError:  # an output, which `_get` names
        return False
    return any(now[key] != identity[key] for key in ("code", "parameters"))


def _log(stages: list[str], tags: dict[str, str], revision: str, lock: Lock) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _get(revision, lock, folder)
        for stage in stages:
            record = Record()
            record.open(stage, tags, folder)
            if stage in MODELS:
                tracking.log_training(record, stage, folder, curves=True)
            else:
                recording.log_evaluation(record, folder)
            record.close("FINISHED")


def _get(revision: str, lock: Lock, folder: Path) -> None:
    files, digests = DVCFileSystem(rev=revision or None), provenance.outs(lock)
    for path in _FILES:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            files.get_file(path, str(target))
        except FileNotFoundError:
            raise UserError(f"{path} is not here: `dvc pull` it, where a remote has it") from None
        if digests.get(path) not in (None, provenance.md5(target.read_bytes())):
            raise UserError(f"{path} is not what dvc.lock says; `dvc repro` makes it")
