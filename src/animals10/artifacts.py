"""Files that are whole or absent, and the same bytes for the same content.

Nothing written here holds a time, a host name or an absolute path: DVC hashes these files.
"""

import errno
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras
    import pandas as pd

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold


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
    write_pieces(path, [table])


def write_pieces(path: Path, pieces: "Iterable[pd.DataFrame]") -> None:
    """Write what `write_csv` writes, of a table's pieces, of which only one is in memory."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        for number, piece in enumerate(pieces):
            piece.to_csv(
                file, index=False, header=not number, float_format="%.6g", lineterminator="\n"
            )


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as `.npy`, which can be mapped into memory instead of read."""
    with replacing(path) as temporary:
        np.save(temporary, array, allow_pickle=False)


def write_rows(path: Path, shape: tuple[int, ...], chunks: Iterable[np.ndarray]) -> None:
    """Write what `write_array` writes, of float32 pieces of which only one is in memory.

    Args:
        path: ends in `.npy`.
        shape: of the whole array.
        chunks: its elements in order.
    """
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in chunks:
            file.write(chunk.astype("<f4").tobytes())


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> list[int]:
    """Write named contents as an uncompressed zip without times, in the order given.

    Returns:
        The byte of the file at which each content begins.
    """
    with replacing(path) as temporary:
        return _zip(temporary, members)


def _zip(path: Path, members: Iterable[tuple[str, bytes]]) -> list[int]:
    begins = []
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
            begins.append(archive.start_dir - len(content))  # the end so far, less the content
    return begins


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
        _zip(temporary, members.items())


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
