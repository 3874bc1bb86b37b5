"""From the archive of photos to arrays: photos are decoded once, for all stages to come."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from animals10 import artifacts
from animals10.errors import UserError
from animals10.images import decode
from animals10.parallel import chunks, in_order


class Place(NamedTuple):
    """Where a photo is in the archive: its first byte, and how many; and its bytes' sha256."""

    begin: int
    size: int
    sha256: str


def write_split(
    folder: Path, archive: Path, labels: np.ndarray, places: Iterable[Place], side: int
) -> None:
    """Decode one split's photos into arrays that later stages map from disk.

    Writes `images.npy`, uint8 of shape (n, side, side, 3), and `labels.npy`, int64 of shape (n,).

    Args:
        folder: where to write.
        archive: uncompressed zip of photos.
        labels: of the photos, of shape (n,).
        places: of the photos, in the same order.
        side: of the decoded images in pixels.

    Raises:
        UserError: the archive has other photos there.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(labels), side, side, 3)}
    with (
        # Written, not mapped: pages of a mapped file count as this process's memory.
        artifacts.replacing(folder / "images.npy") as temporary,
        temporary.open("wb") as file,
        tqdm(total=len(labels), desc=f"decode {folder.name}", unit="photo", disable=None) as bar,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        decoded = in_order(partial(decode, size=side), _read(archive, places, side))
        for _, (_, image) in zip(labels, decoded, strict=True):
            file.write(image.tobytes())
            bar.update()
    artifacts.write_array(folder / "labels.npy", labels.astype(np.int64))


def _read(archive: Path, places: Iterable[Place], side: int) -> Iterator[list[bytes]]:
    """Yield photos, as many at once as fit in memory with their decoded pixels.

    By their places, since the list of members that `zipfile` makes takes 0.6 KiB of each photo.
    """
    with archive.open("rb") as photos:
        for chunk in chunks(places, lambda place: place.size + 3 * side**2):
            contents = []
            for begin, size, sha256 in chunk:
                photos.seek(begin)
                contents.append(photos.read(size))
                if hashlib.sha256(contents[-1]).hexdigest() != sha256:
                    raise UserError(
                        f"{archive} has no photo with sha256 {sha256} at byte {begin}, where the "
                        "table of photos has it; run `make refetch`"
                    )
            yield contents
