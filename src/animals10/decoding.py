"""From the archive of photos to arrays: photos are decoded once, for all stages to come."""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from animals10 import artifacts
from animals10.errors import UserError
from animals10.images import decode
from animals10.parallel import chunks, in_order


def write_split(
    folder: Path, archive: Path, members: pd.DataFrame, classes: list[str], size: int
) -> None:
    """Decode one split's photos into arrays that later stages map from disk.

    Writes `images.npy`, uint8 of shape (n, size, size, 3), and `labels.npy`, int64 of shape (n,),
    in the order of the rows.

    Args:
        folder: where to write.
        archive: uncompressed zip of photos.
        members: rows with columns label, sha256 of the photo's bytes, and their begin and size in
            the archive.
        classes: class names in the order of the labels.
        size: side of the decoded images in pixels.

    Raises:
        UserError: the archive has other photos there.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(members), size, size, 3)}
    with (
        # Written, not mapped: pages of a mapped file count as this process's memory.
        artifacts.replacing(folder / "images.npy") as temporary,
        temporary.open("wb") as file,
        tqdm(total=len(members), desc=f"decode {folder.name}", unit="photo", disable=None) as bar,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        for _, image in in_order(partial(decode, size=size), _read(archive, members, size)):
            file.write(image.tobytes())
            bar.update()
    labels = members["label"].map(classes.index).to_numpy(np.int64)
    artifacts.write_array(folder / "labels.npy", labels)


def _read(archive: Path, members: pd.DataFrame, side: int) -> Iterator[list[bytes]]:
    """Yield photos, as many at once as fit in memory with their decoded pixels.

    By their places, since the list of members that `zipfile` makes takes 0.6 KiB of each photo.
    """
    places = zip(members["begin"], members["size"], members["sha256"], strict=True)
    with archive.open("rb") as photos:
        for chunk in chunks(places, lambda place: place[1] + 3 * side**2):
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
