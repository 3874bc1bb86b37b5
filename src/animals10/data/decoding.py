"""From the archive of photos to arrays: photos are decoded once, for all later stages."""

import hashlib
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from animals10 import files
from animals10.data.images import decode
from animals10.data.parallel import chunks, in_order
from animals10.errors import UserError


def write_split(folder: Path, archive: Path, photos: pd.DataFrame, side: int) -> None:
    """Decode one split's photos into arrays that later stages map from disk.

    Writes `images.npy`, uint8 of shape (n, side, side, 3), and `labels.npy`, int64 of shape (n,).

    Args:
        folder: where to write.
        archive: zip of photos.
        photos: columns path, size in bytes, sha256, and label, the index of the class.
        side: of the decoded images in pixels.

    Raises:
        UserError: the archive has other photos.
    """
    labels = photos["label"].to_numpy(np.int64)
    shape = (len(labels), side, side, 3)
    with zipfile.ZipFile(archive) as opened:
        decoded = in_order(partial(decode, size=side), _read(opened, photos, side))
        images = (image for _, image in decoded)
        bar = tqdm(images, f"decode {folder.name}", len(labels), unit="photo", disable=None)
        files.write_rows(folder / "images.npy", shape, bar, np.uint8)
    files.write_array(folder / "labels.npy", labels)


def _read(archive: zipfile.ZipFile, photos: pd.DataFrame, side: int) -> Iterator[list[bytes]]:
    """Yield photos, as many at once as fit in memory with their decoded pixels."""
    rows = zip(photos["path"], photos["size"], photos["sha256"], strict=True)
    for chunk in chunks(rows, lambda row: row[1] + 3 * side**2):
        yield [_read_checked(archive, path, sha256) for path, _, sha256 in chunk]


def _read_checked(archive: zipfile.ZipFile, path: str, sha256: str) -> bytes:
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
