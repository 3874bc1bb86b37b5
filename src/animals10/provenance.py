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

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from animals10.errors import UserError

SPLITS = "data/_stages/split/splits.csv"
_COMPUTING = (
    "keras", "tensorflow", "jax", "numpy", "opencv-python-headless", "pillow", "scikit-learn",
    "h5py", "dvc", "mlflow",
)  # fmt: skip
Lock = dict[str, Any]  # the content of a dvc.lock


def planned(folder: Path = Path()) -> Lock:
    """Return what a dvc.lock will say of code and parameters once the stages have run.

    Args:
        folder: a workspace whose split stage has run.

    Returns:
        As `read_lock`, without what `identity` does not look at.
    """
    values = read_parameters(folder)
    stages = {}
    for name, stage in _read_yaml(folder / "dvc.yaml")["stages"].items():
        code = [path for path in stage.get("deps", []) if path.endswith(".py")]
        stages[name] = {
            "deps": [{"path": path, "md5": md5((folder / path).read_bytes())} for path in code],
            "params": {"params.yaml": {key: at(values, key) for key in stage.get("params", [])}},
        }
    splits = {"path": SPLITS, "md5": md5((folder / SPLITS).read_bytes())}
    return {"stages": {**stages, "split": {**stages["split"], "outs": [splits]}}}


def identity(lock: Lock) -> dict[str, str]:
    """Digest what decided a pipeline's results.

    Args:
        lock: of a finished run, or as `planned` gives it while one is under way: what ran, not
            what lies in the files since.

    Returns:
        `code` (every Python file that a stage depends on), `data` (DVC's md5 of splits.csv,
        which has every photo's sha256) and `parameters`, as hexadecimal digits.
    """
    stages = lock["stages"]
    code = {
        f"{name} {dep['path']}": dep["md5"]
        for name, stage in stages.items()
        for dep in stage.get("deps", [])
        if dep["path"].endswith(".py")
    }
    parameters = {name: stage.get("params", {}) for name, stage in stages.items()}
    return {"code": _digest(code), "data": outs(lock)[SPLITS], "parameters": _digest(parameters)}


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def outs(lock: Lock) -> dict[str, str]:
    """Return DVC's md5 of every output."""
    stages = lock["stages"].values()
    return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}


def read_lock(text: str) -> Lock:
    """Read a dvc.lock.

    Raises:
        UserError: it is damaged.
    """
    try:
        lock = _parse(text)
        return lock if lock["stages"] else {"stages": {}}
    except (YAMLError, TypeError, KeyError):
        raise UserError("dvc.lock is damaged; `make repro` mends it") from None


def read_parameters(folder: Path) -> dict[str, Any]:
    """Read params.yaml as it is: an older revision's need not be valid today."""
    return _read_yaml(folder / "params.yaml")


def at(values: Any, key: str) -> Any:
    """Return the value under a dotted key, as dvc.yaml names parameters."""
    for part in key.split("."):
        values = values[part]
    return values


def _read_yaml(path: Path) -> dict[str, Any]:
    return _parse(path.read_text(encoding="utf-8"))


def _parse(text: str) -> Any:
    return YAML(typ="safe").load(text)  # as DVC does: PyYAML takes 1e-05 for text


def contents(folder: Path) -> dict[str, Any]:
    """Return what the digests of `identity` stand for: parameters, photos' counts and sha256."""
    photos = json.loads((folder / "metrics" / "split.json").read_text(encoding="utf-8"))
    splits = hashlib.sha256((folder / SPLITS).read_bytes()).hexdigest()
    return {"params": read_parameters(folder), "photos": photos, "splits_sha256": splits}


def experiment(identity: dict[str, str]) -> str:
    """Name the experiment that runs: DVC's name for it, or one made of its identity."""
    return os.environ.get("DVC_EXP_NAME") or f"repro-{_digest(identity)[:10]}"


def revision() -> str:
    """Return the commit that the workspace is at, with `-dirty` where code or parameters differ."""
    commit = git("rev-parse", "HEAD").strip() or "unknown"
    places = ("src", "stages", "pinned", "weights", "dvc.yaml", "params.yaml")
    changed = git("status", "--porcelain", "--", *places)
    return commit + ("-dirty" if changed else "")


def commits(*refs: str) -> list[str]:
    """List the commits that changed dvc.lock, the oldest first.

    Args:
        refs: options of `git log` that say from which refs on.
    """
    return git("log", *refs, "--reverse", "--format=%H", "--", "dvc.lock").split()


def git(*arguments: str) -> str:
    """Return what a git command prints; nothing where there is no repository."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout


def md5(content: bytes) -> str:
    """Return the digest that DVC keeps of a file in dvc.lock; not for security."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


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
