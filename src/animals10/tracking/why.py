"""Which data, parameters, code and machine made a model file, as DVC, git and MLflow know it."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from animals10 import files
from animals10.errors import UserError
from animals10.files import Lock, md5
from animals10.tracking import provenance, store
from animals10.tracking.sync import changed_stages

_SPLITS = (provenance.SPLITS, "data/splits.csv")  # now, and in earlier versions of the pipeline


class Origin(NamedTuple):
    """The stage that made a file, as a dvc.lock has it; revision "" is the workspace."""

    revision: str
    stage: str
    lock: Lock


def explain(path: Path) -> Iterator[str]:
    """Yield lines about where a model file comes from, which may be any copy of an output.

    Raises:
        UserError: there is no such file, or this pipeline did not make it.
    """
    if not path.is_file():
        raise UserError(f"{path} is no file; give a model, for instance models/finetuned.keras")
    content = path.read_bytes()
    digest = md5(content)
    origin = _find(digest)
    if origin is None:
        raise UserError(
            f"{path} (md5 {digest}) is no output of this pipeline, neither in the workspace nor in "
            "an experiment or commit; it was changed, or made elsewhere"
        )
    stages = provenance.upstream(origin.lock, origin.stage)["stages"]
    yield f"{path}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}"
    yield f"made by:    stage {origin.stage}, {_where(origin.revision)}"
    yield from _record(digest)
    yield f"data:       {_data(origin, stages)}"
    for name, value in sorted(_parameters(*stages.values()).items()):
        yield f"parameter:  {name} = {value}"
    yield f"workspace:  {_compare(origin)}"


def _find(digest: str) -> Origin | None:
    for revision in ["", *provenance.commits("--all")]:
        try:
            lock = files.read_lock(provenance.read(revision, "dvc.lock") or "stages: {}")
        except UserError:
            if not revision:
                raise
            continue  # committed with marks of a merge conflict
        for stage, entry in lock["stages"].items():
            if any(out["md5"] == digest for out in entry.get("outs", [])):
                return Origin(revision, stage, lock)
    return None


def _where(revision: str) -> str:
    if not revision:
        return "whose results the workspace's dvc.lock has"
    names = provenance.git("for-each-ref", f"--points-at={revision}", "--format=%(refname:short)")
    shown = ", ".join(name.rsplit("/", 1)[-1] for name in names.splitlines())
    return f"whose results commit {revision} has" + f" ({shown})" * bool(shown)


def _record(digest: str) -> Iterator[str]:
    _, own = store.locate()
    try:
        found = store.connect().search(output=digest) if not own or own.exists() else []
    except (*store.FAILURES, OSError) as error:
        yield f"record:     not known, {store.describe(error)}"
        return
    if not found:
        yield "record:     none in MLflow, so neither its commit nor its machine is known"
        return
    # The oldest whose machine is known, if there is one: the run that made the file.
    run = max(reversed(found), key=lambda each: "machine" in each.data.tags)
    tags = {"machine": "not known", "versions": "not known", **run.data.tags}
    yield f"record:     experiment {tags['experiment']}, MLflow run {run.info.run_id}"
    yield f"code:       commit {tags['revision']}"
    yield f"machine:    {tags['machine']}"
    yield f"versions:   {tags['versions']}"


def _data(origin: Origin, stages: dict[str, dict[str, Any]]) -> str:
    """Describe the split that a stage upstream made."""
    made = files.outs({"stages": stages})
    path = next((path for path in _SPLITS if path in made), "")
    if not path:
        return "not known"
    try:
        content = provenance.read_output(origin.revision, origin.lock, path)
    except UserError:
        return f"{path}, md5 {made[path]}, which is not here"
    counts = pd.read_csv(io.BytesIO(content))["split"].value_counts()
    numbers = ", ".join(f"{counts.get(key, 0)} {key}" for key in ("train", "validation", "test"))
    sha256 = hashlib.sha256(content).hexdigest()
    return f"{numbers}; {path}, with each photo's sha256: md5 {made[path]}, sha256 {sha256}"


def _compare(origin: Origin) -> str:
    """Say how the workspace differs from a file's inputs."""
    try:
        changed = changed_stages()
    except UserError as error:
        return f"not known, {error}"
    rerun = f"`dvc repro` would rerun {', '.join(sorted(changed))}" if changed else ""
    if not origin.revision:
        return rerun or "has the same inputs"
    commit = origin.revision[:7]
    return f"{rerun}; " * bool(rerun) + f"`git diff {commit} -- params.yaml dvc.lock` compares"


def _parameters(*entries: dict[str, Any]) -> dict[str, Any]:
    values = [store.flat(entry.get("params", {}).get("params.yaml", {}), ".") for entry in entries]
    return {key: value for each in values for key, value in each.items()}
