"""From the archive of photos to arrays: each photo is decoded once, for all stages to come."""

import hashlib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from animals10 import artifacts
from animals10.images import decode

_CHUNK = 256  # files in memory at once


def list_photos(archive: Path) -> pd.DataFrame:
    """List the photos that fetch kept.

    Args:
        archive: zip of `<class>/<file>` members.

    Returns:
        Columns path, label (the class) and sha256 (hex of the file's bytes).
    """
    with zipfile.ZipFile(archive) as photos:
        rows = [
            (name, name.split("/")[0], hashlib.sha256(photos.read(name)).hexdigest())
            for name in photos.namelist()
        ]
    return pd.DataFrame(rows, columns=["path", "label", "sha256"])


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
    shape = (len(paths), size, size, 3)
    with artifacts.replacing(folder / "images.npy") as temporary:
        images = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        with zipfile.ZipFile(archive) as photos, ThreadPoolExecutor() as pool:
            bar = tqdm(total=len(paths), desc=f"decode {folder.name}", unit="photo", disable=None)
            for start in range(0, len(paths), _CHUNK):
                contents = [photos.read(path) for path in paths[start : start + _CHUNK]]
                decoded = pool.map(decode, contents, [size] * len(contents))
                images[start : start + len(contents)] = np.stack(list(decoded))
                bar.update(len(contents))
            bar.close()
        images.flush()
    labels = members["label"].map(classes.index).to_numpy(np.int64)
    artifacts.write_array(folder / "labels.npy", labels)
