"""From the archive of photos to arrays: photos are decoded once, for all stages to come."""

import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from animals10 import artifacts
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
        archive: zip of photos.
        members: rows with columns path and label.
        classes: class names in the order of the labels.
        size: side of the decoded images in pixels.
    """
    paths = members["path"].tolist()
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(paths), size, size, 3)}
    with (
        # Written, not mapped: pages of a mapped file count as this process's memory.
        artifacts.replacing(folder / "images.npy") as temporary,
        temporary.open("wb") as file,
        tqdm(total=len(paths), desc=f"decode {folder.name}", unit="photo", disable=None) as bar,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        for _, image in in_order(partial(decode, size=size), _read(archive, paths, 3 * size**2)):
            file.write(image.tobytes())
            bar.update()
    labels = members["label"].map(classes.index).to_numpy(np.int64)
    artifacts.write_array(folder / "labels.npy", labels)


def _read(archive: Path, paths: list[str], decoded: int) -> Iterator[list[bytes]]:
    """Yield photos, as many at once as fit in memory with `decoded` bytes for each.

    The archive is opened only when the first are asked for, so that processes begun before do not
    have its list of members, 0.6 KiB a photo.
    """
    with zipfile.ZipFile(archive) as photos:
        for chunk in chunks(paths, lambda path: photos.getinfo(path).file_size + decoded):
            yield [photos.read(path) for path in chunk]
