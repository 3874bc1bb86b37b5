"""The project's files: where they are, what dvc.lock says, and how they are written.

Every file is whole or absent, and has the same bytes for the same content.
"""

import errno
import hashlib
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from animals10.errors import UserError

if TYPE_CHECKING:
    import keras
    import pandas as pd
    from numpy.typing import DTypeLike

STAGES = Path("data/_stages")  # the outputs of stages, by stage; all else in data is the user's
_COPIES = (".dvc", "tmp", "exps")  # `dvc exp run --temp` and --queue run below this folder
MODELS = {"train_cnn": "cnn", "train_frozen": "frozen", "finetune": "finetuned"}  # by stage
NETWORKS = {"cnn": "cnn", "frozen": "transfer", "finetuned": "transfer"}  # by model: its images
Lock = dict[str, Any]  # the content of a dvc.lock
_EMPTY = "stages: {}"
_DAMAGED = "{path} is damaged, say by a merge conflict; resolve it, or give `git checkout {path}`"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold


def root(start: Path | None = None) -> Path:
    """Find the project that the user works in.

    An experiment in a temporary copy must find the user's files and MLflow store, which are not
    in the copy; DVC's own DVC_ROOT names the copy.

    Args:
        start: a project's folder or a temporary copy of it; the current folder by default.

    Returns:
        Absolute path of the folder that holds the user's `.dvc`.
    """
    start = (start or Path.cwd()).resolve()
    for folder in start.parents:
        if folder.parts[-3:] == _COPIES:
            return folder.parents[2]
    return start


def locate(text: str) -> Path:
    """Return the path that a parameter names: absolute, or from the user's project on."""
    try:
        return root() / Path(text).expanduser()
    except RuntimeError:  # ~somebody who has no home
        return root() / text


def parse(text: str) -> Any:
    """Read YAML as DVC does: PyYAML takes 1e-05 for text, and a key given twice for given once.

    Raises:
        YAMLError: it is none, or a key is given twice.
    """
    return YAML(typ="safe").load(text)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file as it is: an older revision's params.yaml need not be valid today.

    Raises:
        UserError: it is damaged.
    """
    with suppress(YAMLError):
        content = parse(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    raise UserError(_DAMAGED.format(path=path))


def read_metrics(name: str) -> dict[str, Any]:
    """Read metrics/<name>.json.

    Raises:
        UserError: it is missing or damaged.
    """
    path = Path("metrics") / f"{name}.json"
    if not path.is_file():
        raise UserError(f"{path} is missing; run `make repro` first")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        raise UserError(_DAMAGED.format(path=path)) from None
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
        raise UserError(
            "dvc.lock is damaged, by a merge conflict, a kill or a full disk; resolve a conflict, "
            "or give `git checkout dvc.lock`, and run the same command again: what is missing "
            "comes from DVC's cache"
        ) from None


def own_lock(folder: Path = Path()) -> Lock:
    """Read the dvc.lock of a folder; where there is none, no stage has run."""
    path = folder / "dvc.lock"
    return read_lock(path.read_text(encoding="utf-8") if path.is_file() else _EMPTY)


def at(values: Any, key: str) -> Any:
    """Return the value under a dotted key, as dvc.yaml names parameters."""
    for part in key.split("."):
        values = values[part]
    return values


def find(values: Any, key: str) -> Any:
    """Return what `at` returns, or None where there is no such key."""
    try:
        return at(values, key)
    except (KeyError, TypeError):
        return None


def outs(lock: Lock) -> dict[str, str]:
    """Return DVC's md5 of every output."""
    stages = lock["stages"].values()
    return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}


def dependency_md5(path: Path) -> str:
    """Return what DVC writes into dvc.lock for a dependency, a file or a folder of code.

    Source: https://dvc.org/doc/user-guide/project-structure/internal-files
    """
    if path.is_file():
        return file_md5(path)
    code = (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    names = sorted((file.relative_to(path).as_posix(), file) for file in code)
    entries = [{"md5": file_md5(file), "relpath": name} for name, file in names]
    return md5(json.dumps(entries, sort_keys=True).encode()) + ".dir"


def file_md5(path: Path) -> str:
    """Return the `md5` of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(content: bytes) -> str:
    """Return the digest that DVC keeps of a file in dvc.lock; not for security."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place if the block succeeds.

    Args:
        path: the final name; its folder is made when missing.

    Yields:
        A path with the same suffix, in the same folder.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")  # what a kill leaves, the next run takes away
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno is None:  # numpy's, when the disk is full
            raise OSError(errno.ENOSPC, f"not written whole ({error})", str(path)) from None
        error.filename = error.filename or str(path)  # a full disk's has none
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys; floats keep six digits, enough to read and to compare."""
    with replacing(path) as temporary:
        text = json.dumps(rounded(value), indent=2, sort_keys=True, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """Round floats, also in dictionaries and lists, to the six digits that files keep."""
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write a table as CSV, floats with six digits, without its index."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as `.npy`, which can be mapped into memory instead of read."""
    with replacing(path) as temporary:
        np.save(temporary, array, allow_pickle=False)


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays as `.npz`."""
    with replacing(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, say a text in UTF-8."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_rows(
    path: Path, shape: tuple[int, ...], chunks: Iterable[np.ndarray], dtype: "DTypeLike" = "<f4"
) -> None:
    """Write what `write_array` writes, with one piece at a time in memory.

    Args:
        path: ends in `.npy`.
        shape: of the whole array.
        chunks: its elements in order.
        dtype: of the array.
    """
    kind = np.dtype(dtype)
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    # Written, not mapped: pages of a mapped file count as this process's memory.
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in chunks:
            file.write(chunk.astype(kind).tobytes())


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write named contents as an uncompressed zip without times, in the order given."""
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)


def write_model(path: Path, model: "keras.Model") -> None:
    """Write a `.keras` file whose bytes depend on the model alone.

    Keras's own file differs at every save: it holds the date, zip times, and object ids that are
    memory addresses. The ids are numbered in order of appearance instead.

    Args:
        path: ends in `.keras`.
        model: any Keras model; plain `keras.saving.load_model` reads the file.
    """
    with replacing(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary) as archive:
            members = {name: archive.read(name) for name in sorted(archive.namelist())}
        metadata = json.loads(members["metadata.json"])
        del metadata["date_saved"]
        members["metadata.json"] = json.dumps(metadata, sort_keys=True).encode()
        members["config.json"] = _renumber(members["config.json"].decode()).encode()
        write_zip(temporary, members.items())


def write_weights(path: Path, model: "keras.Model") -> None:
    """Write a model's weights as Keras does.

    Args:
        path: ends in `.weights.h5`.
        model: any Keras model.
    """
    with replacing(path) as temporary:
        model.save_weights(temporary)


def _renumber(config: str) -> str:
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f'"shared_object_id": {numbers.setdefault(match[1], len(numbers) + 1)}'

    return re.sub(r'"shared_object_id": (\d+)', number, config)
