"""Near-duplicates: the same photo resized, re-encoded, retouched, or mirrored."""

from typing import NamedTuple

import faiss
import imagehash
import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SIDE = 64  # pixels, of what is hashed
_HASH_SIDE = 16  # the 16 x 16 lowest frequencies: 256 bits
_BYTES = _HASH_SIDE**2 // 8
_BLOCK = 256  # photos compared with all others at once


class Hashes(NamedTuple):
    """Hashes of photos as `bits`: of their bytes, of their looks, and of those of mirror images."""

    sha256: np.ndarray
    plain: np.ndarray
    mirrored: np.ndarray


def fingerprint(image: np.ndarray) -> tuple[str, str]:
    """Hash what a picture looks like.

    Args:
        image: uint8 RGB of shape (SIDE, SIDE, 3).

    Returns:
        Perceptual hashes of the picture and of its mirror image: 256 bits, as hexadecimal digits.
        Method: DCT hash, https://www.hackerfactor.com/blog/index.php?/archives/432
    """
    plain, mirrored = (
        imagehash.phash(Image.fromarray(np.ascontiguousarray(view)), _HASH_SIDE).hash
        for view in (image, image[:, ::-1])
    )
    # As str() of imagehash's objects gives them, which takes as long as the hashing.
    return np.packbits(plain).tobytes().hex(), np.packbits(mirrored).tobytes().hex()


def add_groups(
    photos: pd.DataFrame, hashes: Hashes, pinned: pd.DataFrame, threshold: int | None
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Add the groups of near-duplicates to the photos, and to an earlier split of photos.

    Args:
        photos: column sha256.
        hashes: of the photos.
        pinned: columns sha256 and group, the name of one. Of a photo that is gone, its group's name
            is what is known of its looks, so that copies of it are found still.
        threshold: as for `group`; None puts only identical files together.

    Returns:
        Both tables, with the numbers of their groups among the photos of both; and by number the
        groups' names, as `group` has them, or the sha256 where there is no threshold.
    """
    missing = ~among(pinned["sha256"], photos["sha256"])
    gone = pinned[missing]
    if len(gone):
        known = (bits(gone[column]) for column in ("sha256", "group", "group"))
        hashes = Hashes(*(np.concatenate(pair) for pair in zip(hashes, known, strict=True)))
    if threshold is None:
        names, numbers = np.unique(_texts(hashes.sha256), return_inverse=True)
        names = names.view(np.uint8).reshape(-1, _BYTES)
    else:
        numbers, names = group(hashes, threshold)
    here, left = np.split(numbers, [len(photos)])
    kept = among(photos["sha256"], pinned["sha256"])
    number = dict(zip(photos["sha256"][kept], here[kept], strict=True))
    earlier = np.empty(len(pinned), int)
    earlier[missing] = left
    earlier[~missing] = [number[sha256] for sha256 in pinned["sha256"][~missing]]
    return photos.assign(group=here), pinned.assign(group=earlier), names


def among(texts: pd.Series, others: pd.Series) -> np.ndarray:
    """Return which texts of a column are in another: bool, of shape (len(texts),).

    As pandas's `isin`, which takes four times the memory, and keeps it.
    """
    fewer, more = sorted((texts, others), key=len)
    shared = set(fewer).intersection(more)
    return np.fromiter((text in shared for text in texts), bool, len(texts))


def group(hashes: Hashes, threshold: int) -> tuple[np.ndarray, np.ndarray]:
    """Put photos together that show the same picture, or are linked by ones that do.

    Args:
        hashes: of the photos.
        threshold: of the 256 bits, how many may differ between near-duplicates.

    Returns:
        The number of each photo's group, of shape (n,); and by number the groups' names, uint8 of
        shape (groups, 32): what the photo with the smallest sha256 in it looks like, by which a
        later run finds the group again even without its photos.
    """
    index = faiss.IndexBinaryFlat(8 * _BYTES)
    index.add(hashes.plain)
    first = np.arange(index.ntotal)  # of each photo's group so far
    # Of identical files one asks, and finds the others: else they make pairs by the square.
    _, different = np.unique(_texts(hashes.sha256), return_index=True)
    for start in range(0, len(different), _BLOCK):  # so that memory does not grow with all pairs
        asking = different[start : start + _BLOCK]
        for looks in (hashes.plain, hashes.mirrored):
            # Faiss finds distances below its radius, not at it.
            limits, _, found = index.range_search(looks[asking], threshold + 1)
            rows = np.repeat(asking, np.diff(limits.astype(np.int64)))
            first = _joined(first, rows, found)
    _, numbers = np.unique(first, return_inverse=True)
    order = np.argsort(_texts(hashes.sha256))
    _, smallest = np.unique(numbers[order], return_index=True)
    return numbers, hashes.plain[order[smallest]]


def _joined(first: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the first member of each group after linking rows with columns."""
    pairs = np.unique(np.stack([first[rows], first[columns]]), axis=1)
    size = len(first)
    links = coo_array((np.ones(pairs.shape[1], bool), pairs), (size, size))
    _, component = connected_components(links, directed=False)
    _, smallest = np.unique(component, return_index=True)
    return smallest[component][first]


def bits(hashes: pd.Series) -> np.ndarray:
    """Return hexadecimal hashes as uint8 of shape (n, 32), as Faiss takes them."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, _BYTES)


def digits(hashes: np.ndarray) -> list[str]:
    """Return what `bits` was given."""
    return [row.tobytes().hex() for row in hashes]


def _texts(hashes: np.ndarray) -> np.ndarray:
    """Return hashes as what numpy sorts; it cuts zeros at the end, which changes no order here."""
    return hashes.view(f"S{_BYTES}").ravel()
