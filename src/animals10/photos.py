"""The table of photos, read in pieces, since pandas has what it reads at once twice in memory."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from animals10.decoding import Place
from animals10.similarity import Hashes, bits


def read(path: Path) -> tuple[pd.DataFrame, Hashes]:
    """Read what decides who sees which photo.

    Args:
        path: CSV with at least columns path, label, sha256, phash, mirrored, split and group.

    Returns:
        Columns path, label, sha256, split and given_group, the last two "" where the data set does
        not give them, in the order of the file, which fetch sorts by path; and all hashes as bytes,
        which take half of what text does.
    """
    tables: list[pd.DataFrame] = []
    hashes: dict[str, list[np.ndarray]] = {"sha256": [], "phash": [], "mirrored": []}
    columns = ["path", "label", "sha256", "split", "group"]
    for piece in pieces(path, [*columns, "phash", "mirrored"]):
        tables.append(piece[columns].rename(columns={"group": "given_group"}))
        for column, found in hashes.items():
            found.append(bits(piece[column]))
    return pd.concat(tables), Hashes(*(np.concatenate(found) for found in hashes.values()))


def places(path: Path, chosen: np.ndarray) -> Iterator[Place]:
    """Yield where some photos are in the archive.

    Args:
        path: CSV with at least columns begin, size and sha256.
        chosen: which rows, bool of shape (n,).
    """
    for piece in pieces(path, ["begin", "size", "sha256"]):
        rows = piece[chosen[piece.index]]
        yield from map(Place, rows["begin"], rows["size"], rows["sha256"])


def pieces(path: Path, columns: list[str]) -> Iterator[pd.DataFrame]:
    """Read some columns of a CSV, all but begin and size as text, 8,192 rows at once."""
    types = defaultdict(lambda: "str", begin="int64", size="int64")
    return pd.read_csv(path, usecols=columns, dtype=types, keep_default_na=False, chunksize=8192)
