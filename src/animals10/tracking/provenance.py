"""What a result was made from: code, data, weights, parameters; and how git and DVC keep it."""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from animals10 import files
from animals10.errors import UserError
from animals10.files import Lock, md5, outs

SPLITS = "data/_stages/split/splits.csv"
WEIGHTS = "data/_stages/fetch/weights"
PRESET = "data/_stages/fetch/preset.json"
IDENTITY = ("code", "data", "parameters", "weights")  # known before the first training
_CODE = ("src/", "stages/", "versions.txt")
_COMPUTING = (
    "keras", "tensorflow", "jax", "numpy", "opencv-python-headless", "pillow", "scikit-learn",
    "h5py", "dvc", "mlflow",
)  # fmt: skip


def planned(folder: Path = Path()) -> Lock:
    """Return what dvc.lock will hold of code, parameters and finished outputs after this run."""
    values = files.read_yaml(folder / "params.yaml")
    lock = files.own_lock(folder)
    made = outs(lock)
    stages: dict[str, Any] = {}
    for name, stage in files.read_yaml(folder / "dvc.yaml")["stages"].items():
        deps = [
            {"path": path, "md5": made.get(path) or files.dependency_md5(folder / path)}
            for path in stage.get("deps", [])
            if path in made or path.startswith(_CODE)
        ]
        keys = stage.get("params", [])
        params = {"params.yaml": {key: files.at(values, key) for key in keys}} if keys else {}
        finished = lock["stages"].get(name, {}).get("outs", [])
        stages[name] = {"deps": deps, "params": params, "outs": finished}
    return {"stages": stages}


def identity(lock: Lock) -> dict[str, str]:
    """Digest what decides a pipeline's results and is known before the first training.

    The code includes the versions of packages. The data are DVC's md5 of splits.csv, which holds
    every photo's sha256, and the weights that of the pre-trained ones.
    """
    stages = lock["stages"]
    code = {
        f"{name} {dep['path']}": dep["md5"]
        for name, stage in stages.items()
        for dep in stage.get("deps", [])
        if dep["path"].startswith(_CODE)
    }
    parameters = {name: stage.get("params", {}) for name, stage in stages.items()}
    made = outs(lock)
    return {
        "code": _digest(code),
        "data": made.get(SPLITS, "unknown"),  # where a stage runs without DVC
        "parameters": _digest(parameters),
        "weights": made.get(WEIGHTS, "unknown"),
    }


def preset(folder: Path = Path()) -> dict[str, str]:
    """Return where the backbone's preset of KerasHub comes from, and the sha256 of each file.

    Returns:
        `preset`, `preset_network` and `preset_sha256/<file>`; nothing of another backbone.
    """
    path = folder / PRESET
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not known:
        return {}
    digests = {f"preset_sha256/{file}": digest for file, digest in known["sha256"].items()}
    return {"preset": known["preset"], "preset_network": known["network"], **digests}


def upstream(lock: Lock, stage: str) -> Lock:
    """Return the part of a lock that has a stage and all stages before it."""
    stages = lock["stages"]
    makers = {out["path"]: name for name in stages for out in stages[name].get("outs", [])}
    found, queue = {}, [stage]
    while queue:
        name = queue.pop()
        found[name] = stages[name]
        needed = {makers.get(dep["path"], name) for dep in stages[name].get("deps", [])}
        queue.extend(needed - found.keys())
    return {"stages": found}


def outdated(lock: Lock) -> set[str]:
    """Return the stages whose inputs changed after they ran, and all stages after these.

    As when `dvc exp run` was given the name of a stage, and ended with it.
    """
    made, stale = outs(lock), set[str]()
    makers = {
        out["path"]: name for name, stage in lock["stages"].items() for out in stage.get("outs", [])
    }
    while True:
        more = {
            name
            for name, stage in lock["stages"].items()
            for dep in stage.get("deps", [])
            if dep["md5"] != made.get(dep["path"], dep["md5"]) or makers.get(dep["path"]) in stale
        }
        if more <= stale:
            return stale
        stale |= more


def evaluated(lock: Lock) -> str:
    """Digest all that the evaluation read: models, photos, code and parameters."""
    stage = lock["stages"]["evaluate"]
    deps = {dep["path"]: dep["md5"] for dep in stage["deps"]}
    return _digest({"deps": deps, "params": stage.get("params", {})})


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def experiment(identity: dict[str, str]) -> str:
    """Name the experiment that runs: DVC's name for it, or one made of its identity."""
    return os.environ.get("DVC_EXP_NAME") or f"repro-{_digest(identity)[:10]}"


def revision() -> str:
    """Return the current commit, with `-dirty` where code or parameters differ from it."""
    try:
        commit = git("rev-parse", "HEAD").strip() or "unknown"
    except UserError:  # there is no commit, or the repository is another user's
        return "unknown"
    inputs = ("src", "stages", "pinned", "versions.txt", "dvc.yaml", "params.yaml")
    return commit + "-dirty" * bool(git("status", "--porcelain", "--", *inputs))


def commits(*refs: str) -> list[str]:
    """List the commits of some refs that changed this folder's dvc.lock, the oldest first."""
    return git("log", *refs, "--reverse", "--format=%H", "--", "dvc.lock").split()


def experiments() -> list[tuple[str, str]]:
    """Return name and commit of every DVC experiment of this clone."""
    listing = git("for-each-ref", "--format=%(refname) %(objectname)", "refs/exps")
    # refs/exps/<two digits>/<the rest of its baseline>/<name>, beside DVC's own bookkeeping
    return re.findall(r"^refs/exps/\w{2}/\w{38}/(.+) (\w+)$", listing, re.MULTILINE)


def resolve(name: str) -> str:
    """Return the commit of an experiment or a git revision; "" for `workspace`.

    Raises:
        UserError: there is none of this name, or more than one experiment.
    """
    if name == "workspace":
        return ""
    found = {commit for known, commit in experiments() if known == name}
    if not found:
        with suppress(UserError):
            found.add(git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip())
    if len(found) > 1:
        raise UserError(f"{len(found)} experiments are named {name}; give a commit: {list(found)}")
    if commit := "".join(found):
        return commit
    raise UserError(
        f"{name} is no experiment or git revision of this clone; `python -m animals10 "
        "experiments` lists them, and `workspace` is what `dvc repro` made last"
    )


def read(revision: str, name: str) -> str:
    """Return a file of a commit, or of the workspace for revision ""; "" where there is none."""
    if not revision:
        return Path(name).read_text(encoding="utf-8") if Path(name).is_file() else ""
    if not git("ls-tree", "--name-only", revision, "--", name):
        return ""
    return git("show", f"{revision}:./{name}")


def git(*arguments: str) -> str:
    """Return what a git command prints, nothing outside a repository; it asks for no password.

    Raises:
        UserError: with git's own line, say that the folder is another user's.
    """
    settings = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    if done.returncode and "not a git repository" not in done.stderr:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        advice = next((f"; run `{line.strip()}`" for line in lines if "safe.directory" in line), "")
        raise UserError(f"git {arguments[0]} fails: {lines[0]}{advice}")
    return done.stdout


def read_output(revision: str, lock: Lock, path: str) -> bytes:
    """Return what a file held when a revision's dvc.lock was written.

    Not by `dvc.api`, whose file system of a revision counts paths from the top of the repository,
    and hangs in a clone without blobs (DVC 3.67).

    Raises:
        UserError: it is not here, or is not what dvc.lock says.
    """
    digest = outs(lock).get(path, "")
    cached = _cache() / digest[:2] / digest[2:]
    if digest and cached.is_file():
        content = cached.read_bytes()
    elif not revision and Path(path).is_file():
        content = Path(path).read_bytes()
    else:
        content = read(revision, path).encode()
    if not content:
        raise UserError(f"{path} is not here; `dvc fetch --all-commits` may bring it from a remote")
    if digest not in ("", md5(content)):
        raise UserError(f"{path} is not what dvc.lock says; `dvc repro` makes it")
    return content


@cache
def _cache() -> Path:
    """Return the folder in which DVC keeps files, by two digits and the rest of their md5.

    See https://dvc.org/doc/user-guide/project-structure/internal-files.
    """
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) / "files" / "md5"


def surroundings() -> dict[str, str]:
    """Describe the machine's kind and the versions of what computes."""
    versions = [f"python {platform.python_version()}"]
    for name in _COMPUTING:
        with suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    kind = platform.processor() or "unknown processor"
    with suppress(OSError):  # of Linux
        kind = re.findall(r"model name\s*: (.*)|$", Path("/proc/cpuinfo").read_text())[0] or kind
    return {
        "machine": f"{platform.system()} {platform.machine()}, {kind}, {os.cpu_count()} cores",
        "versions": ", ".join(versions),
    }
