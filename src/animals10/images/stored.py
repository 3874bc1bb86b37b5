"""The photos of a split: pixels in an array, or still in the archive, to be decoded when read."""

import hashlib
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from animals10.errors import UserError
from animals10.images.decoding import decode


def read_checked(archive: zipfile.ZipFile, path: str, sha256: str) -> bytes:
    """Read a photo.

    Args:
        archive: of photos.
        path: of the photo in it.
        sha256: of its bytes.

    Raises:
        UserError: the archive has no such photo.
    """
    try:
        content = archive.read(path)
    except (KeyError, zipfile.BadZipFile):
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(
            f"{archive.filename} has no photo {path!r} with the sha256 in the table of photos; "
            "run `make refetch`"
        )
    return content


class ArchivedImages:
    """The array that `write_split` would write, decoded row by row when it is read.

    A photo is found by its sha256, so its name decides nothing, and no stage that trains need
    depend on the archive.

    Args:
        listed: photos.csv, as `write_split` writes it.
        fetched: the folder of photos.zip and its photos.csv.

    Raises:
        UserError: the archive lacks one of the photos.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, listed: Path, fetched: Path) -> None:
        photos = pd.read_csv(listed, dtype={"sha256": "str"})
        table = pd.read_csv(fetched / "photos.csv", usecols=["path", "sha256"], dtype="str")
        names = dict(zip(table["sha256"], table["path"], strict=True))
        self._hashes = photos["sha256"].tolist()
        self._names = [names.get(sha256, "") for sha256 in self._hashes]
        self._archive = zipfile.ZipFile(fetched / "photos.zip")
        self._side = int(photos["side"].iloc[0])
        self._pool = ThreadPoolExecutor(os.cpu_count())
        self.shape = (len(photos), self._side, self._side, 3)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._hashes)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return uint8 images of shape (rows, side, side, 3)."""
        return np.stack(list(self._pool.map(self._decode, np.arange(len(self))[rows])))

    def _decode(self, row: int) -> np.ndarray:
        content = read_checked(self._archive, self._names[row], self._hashes[row])
        return decode(content, self._side)


def read_split(folder: Path, fetched: Path) -> tuple[np.ndarray | ArchivedImages, np.ndarray]:
    """Open what `write_split` wrote.

    Args:
        folder: of one split.
        fetched: as of `ArchivedImages`.

    Returns:
        uint8 images of shape (n, side, side, 3), and int64 labels of shape (n,).
    """
    labels = np.load(folder / "labels.npy", allow_pickle=False)
    if (listed := folder / "photos.csv").is_file():
        return ArchivedImages(listed, fetched), labels
    return np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False), labels
