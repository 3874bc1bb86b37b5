"""From the archive of photos to arrays: photos are decoded once, for all later stages."""

import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from animals10 import files
from animals10.data.parallel import chunks, in_order
from animals10.images.decoding import decode
from animals10.images.stored import read_checked


def write_split(
    folder: Path, archive: Path, photos: pd.DataFrame, side: int, ahead: bool = True
) -> None:
    """Decode one split's photos into an array that later stages map from disk.

    Writes `images.npy`, uint8 of shape (n, side, side, 3), and `labels.npy`, int64 of shape (n,).

    Args:
        folder: where to write.
        archive: zip of photos.
        photos: columns path, size in bytes, sha256, and label, the index of the class.
        side: of the decoded images in pixels.
        ahead: False writes a list for `ArchivedImages` instead of the array: `photos.csv`, columns
            sha256 and side.

    Raises:
        UserError: the archive has other photos.
    """
    files.write_array(folder / "labels.npy", photos["label"].to_numpy(np.int64))
    if not ahead:
        files.write_csv(folder / "photos.csv", photos[["sha256"]].assign(side=side))
        return
    shape = (len(photos), side, side, 3)
    with zipfile.ZipFile(archive) as opened:
        decoded = in_order(partial(decode, size=side), _read(opened, photos, side))
        images = (image for _, image in decoded)
        bar = tqdm(images, f"decode {folder.name}", len(photos), unit="photo", disable=None)
        files.write_rows(folder / "images.npy", shape, bar, np.uint8)


def _read(archive: zipfile.ZipFile, photos: pd.DataFrame, side: int) -> Iterator[list[bytes]]:
    """Yield photos, as many at once as fit in memory with their decoded pixels."""
    rows = zip(photos["path"], photos["size"], photos["sha256"], strict=True)
    for chunk in chunks(rows, lambda row: row[1] + 3 * side**2):
        yield [read_checked(archive, path, sha256) for path, _, sha256 in chunk]
