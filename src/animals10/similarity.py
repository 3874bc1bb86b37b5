"""Near-duplicates: the same photo resized, re-encoded, retouched, or mirrored."""

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
    photos: pd.DataFrame, pinned: pd.DataFrame, threshold: int | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add the groups of near-duplicates to the photos, and to an earlier split of photos.

    Args:
        photos: as for `group`.
        pinned: columns sha256 and group, as an earlier call gave it. Of a photo that is gone, its
            group's name is what is known of its looks, so that copies of it are found still.
        threshold: as for `group`; None puts only identical files together.

    Returns:
        Both tables, with their groups among the photos of both instead of what photos look like.
    """
    known = photos.drop(columns=["phash", "mirrored"])
    if threshold is None:
        return known.assign(group=known["sha256"]), pinned.assign(group=pinned["sha256"])
    gone = pinned[~among(pinned["sha256"], photos["sha256"])]
    gone = gone.assign(phash=gone["group"], mirrored=gone["group"])
    both = pd.concat([table[["sha256", "phash", "mirrored"]] for table in (photos, gone)])
    names = group(both, threshold)
    earlier = among(both["sha256"], pinned["sha256"])
    name = dict(zip(both["sha256"][earlier], names[earlier], strict=True))
    return (
        known.assign(group=names[: len(photos)]),
        pinned.assign(group=pinned["sha256"].map(name)),
    )


def among(texts: pd.Series, others: pd.Series) -> np.ndarray:
    """Return which texts of a column are in another: bool, of shape (len(texts),).

    As pandas's `isin`, which takes four times the memory, and keeps it.
    """
    fewer, more = sorted((texts, others), key=len)
    shared = set(fewer).intersection(more)
    return np.fromiter((text in shared for text in texts), bool, len(texts))


def group(photos: pd.DataFrame, threshold: int) -> pd.Series:
    """Put photos together that show the same picture, or are linked by ones that do.

    Args:
        photos: columns sha256, phash and mirrored, all hexadecimal, the last two of `fingerprint`.
        threshold: of the 256 bits, how many may differ between near-duplicates.

    Returns:
        For each row the phash of the photo with the smallest sha256 in its group, by which a later
        run finds the group again even without its photos.
    """
    content = bits(photos["sha256"]).view(f"S{_BYTES}").ravel()
    _, places, row = np.unique(content, return_index=True, return_inverse=True)
    hashes, mirrored = (bits(photos[column])[places] for column in ("phash", "mirrored"))
    index = faiss.IndexBinaryFlat(8 * _BYTES)
    index.add(hashes)
    first = np.arange(len(places))  # of each photo's group so far
    for start in range(0, len(places), _BLOCK):  # so that memory does not grow with all pairs
        for asked in (hashes, mirrored):
            # Faiss finds distances below its radius, not at it.
            limits, _, found = index.range_search(asked[start : start + _BLOCK], threshold + 1)
            rows = start + np.repeat(np.arange(len(limits) - 1), np.diff(limits.astype(np.int64)))
            first = _joined(first, rows, found)
    return photos["phash"].iloc[places[first[row]]].set_axis(photos.index)


def _joined(first: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the first member of each group after linking rows with columns."""
    pairs = np.unique(np.stack([first[rows], first[columns]]), axis=1)
    size = len(first)
    links = coo_array((np.ones(pairs.shape[1], bool), pairs), (size, size))
    _, component = connected_components(links, directed=False)
    _, smallest = np.unique(component, return_index=True)
    return smallest[component][first]


def bits(hashes: pd.Series) -> np.ndarray:
    """Return hashes as uint8 of shape (n, 32), as Faiss takes them."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, _BYTES)
