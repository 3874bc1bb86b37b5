"""The photos that a user names: files, folders, patterns, archives."""

import glob
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from animals10.data.archives import LARGEST_FILE, Entry, open_archive
from animals10.data.names import hidden, may_be_photo
from animals10.data.parallel import MOST_AT_ONCE, chunks
from animals10.data.sources import list_folder
from animals10.deployment import cores
from animals10.deployment.predictor import Predictor
from animals10.errors import UserError
from animals10.images.decoding import ImageError, decode
from animals10.monitoring.log import PredictionLog
from animals10.monitoring.observation import observe

_ARCHIVE = re.compile(r"\.(zip|tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz))$", re.IGNORECASE)


@contextmanager
def open_photos(names: list[str]) -> Iterator[list[Entry]]:
    """Open what a user names, and yield all photos in it, in the order of the names.

    A folder's and an archive's files are sorted; left out are hidden ones, and those that are no
    photos by their names. What does not exist is among the photos, and fails when it is read.

    Args:
        names: of files, folders or archives; patterns, where no file has that name; `-` for a list
            on standard input, a name a line.
    """
    with ExitStack() as stack:
        yield [entry for path in _paths(names) for entry in _entries(path, stack)]


def _paths(names: list[str]) -> Iterator[str]:
    for name in names:
        if name == "-":
            yield from (line.rstrip("\r\n") for line in sys.stdin if line.strip())
        elif Path(name).exists():
            yield name
        else:
            yield from sorted(glob.glob(name, recursive=True)) or [name]


def _entries(name: str, stack: ExitStack) -> list[Entry]:
    path = Path(name)
    try:
        if path.is_dir():
            return _photos(name, list_folder(path))
        if path.is_file() and _ARCHIVE.search(name):
            opened = open_archive(stack.enter_context(path.open("rb")), name)
            return _photos(name, stack.enter_context(opened))
        size = path.stat().st_size
    except (OSError, UserError) as error:
        return [Entry(name, partial(_fail, error))]
    return [Entry(name, partial(_read_file, path), size)]


def _photos(place: str, entries: list[Entry]) -> list[Entry]:
    return [
        Entry(f"{place.rstrip('/')}/{entry.name}", entry.read, entry.size)
        for entry in entries
        if not entry.name.endswith("/") and not hidden(entry.name) and may_be_photo(entry.name)
    ]


def _fail(error: Exception) -> bytes:
    raise error


def _read_file(path: Path) -> bytes:
    if not path.is_file():  # a pipe would be waited for
        raise OSError("no ordinary file")
    return path.read_bytes()


def predictions(
    predictor: Predictor, photos: list[Entry], top: int, log: PredictionLog | None = None
) -> Iterator[dict[str, Any]]:
    """Predict photo by photo, in memory that does not grow with their number.

    Args:
        predictor: of one model.
        photos: as `open_photos` yields them.
        top: how many classes to name.
        log: of predictions; None for none.

    Yields:
        In the order of the photos, what `Predictor.describe` returns, or file and error.
    """
    pixels = 3 * predictor.size**2
    with ThreadPoolExecutor(min(MOST_AT_ONCE, cores.count())) as pool:
        for chunk in chunks(photos, lambda photo: min(photo.size, LARGEST_FILE) + pixels):
            # Read one after the other, since an archive's photos are read from one file.
            each = pool.map if len(chunk) > 1 else map  # to start threads takes longer than one
            decoded = list(each(partial(_decode, predictor.size), map(_read, chunk)))
            pairs = list(zip((photo.name for photo in chunk), decoded, strict=True))
            good = [(name, image) for name, image in pairs if not isinstance(image, str)]
            described = iter(_predict(predictor, good, top, log))
            for name, image in pairs:
                failed = isinstance(image, str)
                yield {"file": name, "error": image} if failed else next(described)


def _predict(
    predictor: Predictor, named: list[tuple[str, np.ndarray]], top: int, log: PredictionLog | None
) -> list[dict[str, Any]]:
    if not named:
        return []
    images = np.stack([image for _, image in named])
    outputs = predictor.predict(images)
    rows = [predictor.describe(name, outputs, row, top) for row, (name, _) in enumerate(named)]
    if log:
        log.write(
            predictor.identity(), rows, observe(images, outputs.probabilities, outputs.projection)
        )
    return rows


def _read(photo: Entry) -> bytes | str:
    """Return a file's bytes, or why it cannot be read."""
    if photo.size > LARGEST_FILE:
        return f"larger than {LARGEST_FILE // 2**20} MiB"
    try:
        return photo.read()
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _decode(size: int, content: bytes | str) -> np.ndarray | str:
    """Return pixels, or why there are none."""
    try:
        return content if isinstance(content, str) else decode(content, size)
    except ImageError as error:
        return str(error)
