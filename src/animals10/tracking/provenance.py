"""What a result was made from: code, data and parameters, told alike in a workspace and in git."""

import hashlib
import json
import os
import platform
import re
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from animals10 import pipeline
from animals10.errors import UserError, without_secrets
from animals10.pipeline import Lock, md5, outs

SPLITS = "data/_stages/split/splits.csv"
WEIGHTS = "data/_stages/fetch/weights"
PLAN = ("code", "data", "parameters", "weights")  # known before the first training
_OURS = (".py", ".txt")  # code, and the versions of packages
_COMPUTING = (
    "keras", "tensorflow", "jax", "numpy", "opencv-python-headless", "pillow", "scikit-learn",
    "h5py", "dvc", "mlflow",
)  # fmt: skip


def planned(folder: Path = Path()) -> Lock:
    """Return what a dvc.lock will say once the stages have run, as far as it is known.

    Args:
        folder: a workspace whose stages before the one that runs have run.

    Returns:
        As `pipeline.read_lock`, without what `identity` and `evaluated` do not look at.
    """
    values = pipeline.read_yaml(folder / "params.yaml")
    made = outs(pipeline.own_lock(folder))
    stages: dict[str, Any] = {}
    for name, stage in pipeline.read_yaml(folder / "dvc.yaml")["stages"].items():
        deps = [
            {"path": path, "md5": made.get(path) or md5((folder / path).read_bytes())}
            for path in stage.get("deps", [])
            if path in made or (folder / path).is_file()
        ]
        stages[name] = {"deps": deps}
        if keys := stage.get("params"):
            chosen = {key: pipeline.at(values, key) for key in keys}
            stages[name]["params"] = {"params.yaml": chosen}
    known = [{"path": path, "md5": digest} for path, digest in made.items()]
    return {"stages": {**stages, "split": {**stages["split"], "outs": known}}}


def identity(lock: Lock) -> dict[str, str]:
    """Digest what decides a pipeline's results, and is known before the first training.

    Args:
        lock: of a finished run, or as `planned` gives it while one is under way: what ran, not
            what lies in the files since.

    Returns:
        `code` (every Python file that a stage depends on, and the versions of packages), `data`
        (DVC's md5 of splits.csv, which has every photo's sha256), `weights` (likewise, of the
        pre-trained ones) and `parameters`, as hexadecimal digits.
    """
    stages = lock["stages"]
    code = {
        f"{name} {dep['path']}": dep["md5"]
        for name, stage in stages.items()
        for dep in stage.get("deps", [])
        if dep["path"].endswith(_OURS)
    }
    parameters = {name: stage.get("params", {}) for name, stage in stages.items()}
    made = outs(lock)
    return {
        "code": _digest(code),
        "data": made.get(SPLITS, "unknown"),  # where a stage runs without DVC
        "parameters": _digest(parameters),
        "weights": made.get(WEIGHTS, "unknown"),
    }


def evaluated(lock: Lock) -> str:
    """Digest all that the evaluation depended on: the models, the photos, code and parameters.

    Args:
        lock: as for `identity`; its `evaluate` stage has run, or is about to.

    Returns:
        Hexadecimal digits, the same for the same results alone.
    """
    stage = lock["stages"]["evaluate"]
    deps = {dep["path"]: dep["md5"] for dep in stage["deps"]}
    return _digest({"deps": deps, "params": stage.get("params", {})})


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def contents(folder: Path) -> dict[str, Any]:
    """Return what the digests of `identity` stand for, and the classes in order of the outputs."""
    params = pipeline.read_yaml(folder / "params.yaml")
    params["fetch"]["source"] = without_secrets(params["fetch"]["source"])
    return {
        "params": params,
        "photos": json.loads((folder / "metrics/split.json").read_text(encoding="utf-8")),
        "splits_sha256": hashlib.sha256((folder / SPLITS).read_bytes()).hexdigest(),
        "classes": json.loads((folder / "models/classes.json").read_text(encoding="utf-8")),
    }


def experiment(identity: dict[str, str]) -> str:
    """Name the experiment that runs: DVC's name for it, or one made of its identity."""
    return os.environ.get("DVC_EXP_NAME") or f"repro-{_digest(identity)[:10]}"


class NoRepository(UserError):
    """The folder is in no git repository."""


def revision() -> str:
    """Return the commit that the workspace is at, with `-dirty` where code or parameters differ."""
    try:
        commit = git("rev-parse", "HEAD").strip()
    except UserError:  # no repository, none without a commit, or another user's
        return "unknown"
    places = ("src", "stages", "pinned", "versions", "dvc.yaml", "params.yaml")
    changed = git("status", "--porcelain", "--", *places)
    return commit + ("-dirty" if changed else "")


def commits(*refs: str) -> list[str]:
    """List the commits that changed this folder's dvc.lock, the oldest first.

    Args:
        refs: options of `git log` that say from which refs on.
    """
    try:
        return git("log", *refs, "--reverse", "--format=%H", "--", "dvc.lock").split()
    except NoRepository:
        return []


def read(revision: str, name: str) -> str:
    """Return a file that git tracks in this folder; "" where there is none.

    Args:
        revision: of a commit, or "" for the workspace.
        name: from this folder on, which may be one of a larger repository.
    """
    if not revision:
        return Path(name).read_text(encoding="utf-8") if Path(name).is_file() else ""
    if not git("ls-tree", "--name-only", revision, "--", name):
        return ""
    return git("show", f"{revision}:./{name}")


def git(*arguments: str) -> str:
    """Return what a git command prints; it asks for no password.

    Raises:
        NoRepository: there is none.
        UserError: with git's own line, say that the folder is another user's.
    """
    settings = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        kind = NoRepository if "not a git repository" in lines[0] else UserError
        advice = next((f"; run `{line.strip()}`" for line in lines if "safe.directory" in line), "")
        raise kind(f"git {arguments[0]} fails: {lines[0]}{advice}")
    return done.stdout


def surroundings() -> dict[str, str]:
    """Tell the machine's kind and the versions of what computes."""
    versions = []
    for name in _COMPUTING:
        with suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    model = re.search(r"model name\s*: (.*)", _text(Path("/proc/cpuinfo")))
    kind = model[1] if model else platform.processor() or "unknown processor"
    return {
        "machine": f"{platform.system()} {platform.machine()}, {kind}, {os.cpu_count()} cores",
        "versions": ", ".join([f"python {platform.python_version()}", *versions]),
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
