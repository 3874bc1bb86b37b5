"""What params.yaml, dvc.yaml and dvc.lock say, read as DVC reads them."""

import hashlib
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from animals10.errors import UserError

Lock = dict[str, Any]  # the content of a dvc.lock
_EMPTY = "stages: {}"


def parse(text: str) -> Any:
    """Read YAML as DVC does: PyYAML takes 1e-05 for text, and a key given twice for given once.

    Raises:
        YAMLError: it is none, or a key is given twice.
    """
    return YAML(typ="safe").load(text)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file as it is: an older revision's params.yaml need not be valid today."""
    content: dict[str, Any] = parse(path.read_text(encoding="utf-8"))
    return content


def read_lock(text: str) -> Lock:
    """Read a dvc.lock.

    Raises:
        UserError: it is damaged.
    """
    try:
        lock = parse(text)
        return lock if lock["stages"] else {"stages": {}}
    except (YAMLError, TypeError, KeyError):
        raise UserError("dvc.lock is damaged; `make repro` mends it") from None


def own_lock(folder: Path = Path()) -> Lock:
    """Read the dvc.lock of a folder; where there is none, no stage has run."""
    path = folder / "dvc.lock"
    return read_lock(path.read_text(encoding="utf-8") if path.is_file() else _EMPTY)


def at(values: Any, key: str) -> Any:
    """Return the value under a dotted key, as dvc.yaml names parameters."""
    for part in key.split("."):
        values = values[part]
    return values


def outs(lock: Lock) -> dict[str, str]:
    """Return DVC's md5 of every output."""
    stages = lock["stages"].values()
    return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}


def md5(content: bytes) -> str:
    """Return the digest that DVC keeps of a file in dvc.lock; not for security."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
