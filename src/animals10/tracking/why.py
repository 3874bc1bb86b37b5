"""Which data, parameters, code and machine made a model file, as DVC, git and MLflow know it."""

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from animals10 import pipeline
from animals10.errors import UserError
from animals10.pipeline import Lock, md5
from animals10.tracking import outputs, provenance, store
from animals10.tracking.provenance import SPLITS
from animals10.tracking.record import OUTSIDE, told


class Origin(NamedTuple):
    """The stage that made a file, as a dvc.lock has it; revision "" is the workspace."""

    revision: str
    stage: str
    lock: Lock


def explain(path: Path) -> Iterator[str]:
    """Tell where a model file comes from.

    Args:
        path: any copy of an output of the pipeline.

    Yields:
        Lines of text.

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
    yield f"{path}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}"
    yield f"made by:    stage {origin.stage}, {_where(origin.revision)}"
    yield from _record(content)
    stages, unknown = _upstream(origin)
    yield f"data:       {_data(origin, stages)}"
    for stage in stages.values():
        for name, value in _parameters(stage).items():
            yield f"parameter:  {name} = {value}"
    for name in unknown:
        yield f"not known:  what made {name}, since it was made anew later"
    yield f"workspace:  {'; '.join(_differences(origin)) or 'has the same inputs'}"


def _find(digest: str) -> Origin | None:
    for revision in ["", *provenance.commits("--all")]:
        lock = pipeline.read_lock(provenance.read(revision, "dvc.lock") or "stages: {}")
        for stage, entry in lock["stages"].items():
            if any(out["md5"] == digest for out in entry.get("outs", [])):
                return Origin(revision, stage, lock)
    return None


def _where(revision: str) -> str:
    if not revision:
        return "whose results the workspace's dvc.lock has"
    names = provenance.git("for-each-ref", f"--points-at={revision}", "--format=%(refname)")
    shown = ", ".join(name.rsplit("/", 1)[1] for name in names.splitlines())
    return f"whose results commit {revision} has" + f" ({shown})" * bool(shown)


def _record(content: bytes) -> Iterator[str]:
    try:
        run = store.find_output(content)
    except (*OUTSIDE, OSError) as error:
        yield f"record:     not known, {told(error)}"
        return
    if run is None:
        yield "record:     none in MLflow, so neither its commit nor its machine is known"
        return
    tags = run.data.tags
    yield f"record:     experiment {tags['experiment']}, MLflow run {run.info.run_id}"
    yield f"code:       commit {tags['revision']}"
    yield f"machine:    {tags.get('machine', 'not known')}"
    yield f"versions:   {tags.get('versions', 'not known')}"


def _upstream(origin: Origin) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return the stages that a file comes from, and the inputs whose stage ran again since."""
    makers = {
        out["path"]: (name, out["md5"])
        for name, entry in origin.lock["stages"].items()
        for out in entry.get("outs", [])
    }
    found: dict[str, dict[str, Any]] = {}
    unknown, queue = [], [origin.stage]
    while queue:
        name = queue.pop()
        if name in found:
            continue
        found[name] = origin.lock["stages"][name]
        for dep in found[name].get("deps", []):
            maker, digest = makers.get(dep["path"], (None, None))
            if maker and digest == dep["md5"]:
                queue.append(maker)
            elif maker:
                unknown.append(dep["path"])
    return found, sorted(set(unknown))


def _data(origin: Origin, stages: dict[str, dict[str, Any]]) -> str:
    read = {  # by earlier versions of the pipeline, in another folder
        (dep["path"], dep["md5"])
        for stage in stages.values()
        for dep in stage.get("deps", [])
        if Path(dep["path"]).name == Path(SPLITS).name
    }
    return "; ".join(_describe(origin, *each) for each in sorted(read)) or "none"


def _describe(origin: Origin, path: str, digest: str) -> str:
    try:
        content = outputs.read(origin.revision, origin.lock, path)
    except UserError:
        content = b""
    if md5(content) != digest:
        return f"{path}, md5 {digest}, which is not here"
    counts = pd.read_csv(io.BytesIO(content))["split"].value_counts()
    numbers = ", ".join(f"{counts.get(key, 0)} {key}" for key in ("train", "validation", "test"))
    sha256 = hashlib.sha256(content).hexdigest()
    return f"{numbers}; {path}, with each photo's sha256: md5 {digest}, sha256 {sha256}"


def _differences(origin: Origin) -> Iterator[str]:
    lock = pipeline.own_lock()
    then, now = (_inputs(each["stages"].get(origin.stage, {})) for each in (origin.lock, lock))
    for name in sorted(then | now):
        if then.get(name) != now.get(name):
            yield f"{name} was {then.get(name)}, is {now.get(name)}"
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    if status.returncode:
        yield f"not known, `dvc status` fails: {(status.stderr.strip().splitlines() or ['?'])[-1]}"
    elif changed := json.loads(status.stdout or "{}").keys() - {"check"}:  # which always runs
        yield f"`dvc repro` would rerun {', '.join(sorted(changed))}"


def _inputs(entry: dict[str, Any]) -> dict[str, Any]:
    return {dep["path"]: dep["md5"] for dep in entry.get("deps", [])} | _parameters(entry)


def _parameters(entry: dict[str, Any]) -> dict[str, Any]:
    return store.flat(entry.get("params", {}).get("params.yaml", {}), ".")
