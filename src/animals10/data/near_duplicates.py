"""Near-duplicates: the same photo resized, re-encoded, retouched, or mirrored."""

from collections.abc import Iterator
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
_BLOCK = 256  # photos compared with all others at once
_PAIRS = 2**23  # fewer photos at once if there were more pairs than these
COPY = 8  # bits; by so many at most differ most copies, and by chance hardly any two photos
_LOWER = (44, 32, 20, COPY, 0)  # thresholds that divide look-alikes
_MOST = 0.6  # of a class; the rest is enough for validation and test splits of usual size


class Grouped(NamedTuple):
    """Photos and an earlier split of photos, with their groups of near-duplicates.

    Attributes:
        photos: with `group`, the name of one: the perceptual hash of the photo with the smallest
            sha256 in it, by which a later run finds the group again even without its photos. It
            is the sha256 itself without a threshold, and where several groups have one hash.
        pinned: with `group` among those names.
        divided: how many groups were divided, as they were too large to be copies of one photo.
    """

    photos: pd.DataFrame
    pinned: pd.DataFrame
    divided: int


def perceptual_hashes(image: np.ndarray) -> tuple[str, str]:
    """Return the perceptual hashes of a picture and of its mirror image.

    Args:
        image: uint8 RGB of shape (SIDE, SIDE, 3).

    Returns:
        256 bits each, as hexadecimal digits.
        Method: DCT hash, https://www.hackerfactor.com/blog/index.php?/archives/432
    """
    plain, mirrored = (
        imagehash.phash(Image.fromarray(np.ascontiguousarray(view)), _HASH_SIDE).hash
        for view in (image, image[:, ::-1])
    )
    # As str() of imagehash's objects gives them, which takes as long as the hashing.
    return np.packbits(plain).tobytes().hex(), np.packbits(mirrored).tobytes().hex()


def bits(hashes: pd.Series) -> np.ndarray:
    """Return hexadecimal hashes as uint8 of shape (n, 32), as Faiss takes them."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, _HASH_SIDE**2 // 8)


def add_groups(photos: pd.DataFrame, pinned: pd.DataFrame, threshold: int | None) -> Grouped:
    """Put photos together that show the same picture, or are linked by ones that do.

    Identical files are always together. Within a class, mirror images count too. Photos of two
    classes are together if at most COPY bits differ.

    Different pictures may look alike to a perceptual hash: digits, icons, plots with equal axes.
    In such a data set, see `_look_alike`, lower thresholds divide the large groups, and of two
    classes only identical files are together.

    Args:
        photos: columns sha256, phash, mirrored and label; and given_group where the data set has
            groups itself: photos with the same one are together whatever they show, "" is none.
        pinned: columns sha256, group (the name of one), and label if it is known. The name of its
            group is the perceptual hash that is known of a photo that is gone, so that copies of
            it are still found.
        threshold: how many of the 256 bits may differ between near-duplicates; None puts only
            identical files together.
    """
    missing = gone(pinned, photos)
    known = photos[["sha256", "phash", "mirrored", "label"]]
    if missing.any():
        lost = pinned[missing]
        lost = lost.assign(phash=lost["group"], mirrored=lost["group"])
        known = pd.concat([known, lost.reindex(columns=known.columns)])
    numbers, divided = _numbered(known, threshold, len(photos))
    if "given_group" in photos:
        numbers = _joined(numbers, *_given_links(photos["given_group"]))
    names = _names(known, numbers, threshold)
    photos = photos.assign(group=names.to_numpy()[: len(photos)])
    kept = photos[photos["sha256"].isin(pinned["sha256"])]
    group_of = dict(zip(kept["sha256"], kept["group"], strict=True))
    earlier = pinned["sha256"].map(group_of.get).astype(object)
    earlier[missing] = names.to_numpy()[len(photos) :]
    return Grouped(photos, pinned.assign(group=earlier), divided)


def gone(pinned: pd.DataFrame, photos: pd.DataFrame) -> np.ndarray:
    """Return which pinned photos are no longer among the photos, bool of shape (pinned,)."""
    # Photos that are not pinned are left out first, since pandas needs memory for what it looks in.
    here = photos["sha256"][photos["sha256"].isin(pinned["sha256"])]
    return ~pinned["sha256"].isin(here).to_numpy()


def _given_links(given: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return rows with a group given, and for each of them the first row with the same one."""
    rows = np.flatnonzero(given != "")
    codes, _ = pd.factorize(given.iloc[rows])
    _, firsts = np.unique(codes, return_index=True)
    return rows, rows[firsts[codes]]


def _names(photos: pd.DataFrame, numbers: np.ndarray, threshold: int | None) -> pd.Series:
    """Return the name of each photo's group."""
    order = np.argsort(photos["sha256"].to_numpy("S"), kind="stable")
    _, place = np.unique(numbers[order], return_index=True)
    first = photos.iloc[order[place]]  # a photo of each group, in the order of their numbers
    names = first["sha256"]
    if threshold is not None:
        # A name of two groups would make them one to whoever reads splits.csv.
        names = first["phash"].mask(first["phash"].duplicated(keep=False), first["sha256"])
    _, groups = np.unique(numbers, return_inverse=True)
    return names.take(groups)


def _numbered(photos: pd.DataFrame, threshold: int | None, present: int) -> tuple[np.ndarray, int]:
    """Number the groups of near-duplicates.

    Args:
        photos: columns sha256, phash, mirrored and label, which may be missing.
        threshold: as for `add_groups`.
        present: only so many photos, the first, count for sizes of groups and classes.

    Returns:
        Each photo's group, integers below n of shape (n,); how many groups were divided.
    """
    # Identical files are compared once. Of a photo that is gone several groups may be known.
    sha256, plain, mirrored = (bits(photos[name]) for name in ("sha256", "phash", "mirrored"))
    both = np.hstack([sha256, plain])
    _, firsts, file_of = np.unique(both, axis=0, return_index=True, return_inverse=True)
    if threshold is None:
        return file_of, 0
    labels, _ = pd.factorize(photos["label"])
    bounds = [threshold, *(bound for bound in _LOWER if bound < threshold)]
    mixed, *levels = _linked(plain[firsts], mirrored[firsts], _classes(labels, file_of), bounds)
    if not _look_alike(_sizes(mixed, file_of, labels, present)):
        return mixed[file_of], 0
    chosen = levels[0]
    for bound, lower in zip(bounds, [*levels[1:], np.arange(len(firsts))], strict=True):
        large = _too_large(_sizes(chosen, file_of, labels, present), bound)
        chosen = np.where(np.isin(chosen, large), lower, chosen)
    return chosen[file_of], len(np.unique(mixed[chosen != mixed]))


def _classes(labels: np.ndarray, file_of: np.ndarray) -> np.ndarray:
    """Return each file's label, or a label of its own where its photos have several."""
    of_file = pd.Series(labels).groupby(file_of)
    several = of_file.nunique().to_numpy() > 1
    return np.where(several, len(labels) + np.arange(len(several)), of_file.first())


def _linked(
    plain: np.ndarray, mirrored: np.ndarray, classes: np.ndarray, bounds: list[int]
) -> list[np.ndarray]:
    """Number the groups of files for several ways to link them.

    Args:
        plain: hashes, uint8 of shape (n, 32).
        mirrored: hashes of the mirror images.
        classes: integers; -1 is unknown, and goes with all.
        bounds: how many bits may differ.

    Returns:
        The smallest member of each file's group: first with links between classes too, where at
        most bounds[0] bits differ within one; then without, for each bound.
    """
    groups = [np.arange(len(plain))] * (len(bounds) + 1)
    for rows, found, distances, across in _near_pairs(plain, mirrored, bounds[0]):
        ours, theirs = classes[rows], classes[found]
        same = (ours == theirs) | (ours < 0) | (theirs < 0)
        links = [same | (distances <= across), *(same & (distances <= bound) for bound in bounds)]
        groups = [
            _joined(group, rows[link], found[link])
            for group, link in zip(groups, links, strict=True)
        ]
    return groups


def _near_pairs(
    plain: np.ndarray, mirrored: np.ndarray, bound: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, int]]:
    """Yield pairs of files, their distances, and the largest that links two classes.

    In parts, so that memory does not grow with the number of pairs.
    """
    index = faiss.IndexBinaryFlat(8 * plain.shape[1])
    index.add(plain)
    block = max(1, min(_BLOCK, _PAIRS // max(1, len(plain))))
    for start in range(0, len(plain), block):
        for hashes, across in ((plain, COPY), (mirrored, -1)):
            # Faiss finds distances below its radius, not at it.
            asked = hashes[start : start + block]
            limits, distances, found = index.range_search(asked, bound + 1)
            rows = start + np.repeat(np.arange(len(asked)), np.diff(limits.astype(np.int64)))
            yield rows, found, distances, across


def _joined(groups: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the smallest member of each group after linking rows with columns."""
    pairs = groups[np.stack([rows, columns])]
    ends, links = np.unique(pairs[:, pairs[0] != pairs[1]], return_inverse=True)
    if not len(ends):
        return groups
    links = links.reshape(2, -1)
    table = coo_array((np.ones(links.shape[1], bool), links), (len(ends), len(ends)))
    _, component = connected_components(table, directed=False)
    _, smallest = np.unique(component, return_index=True)
    joined = np.arange(len(groups))
    joined[ends] = ends[smallest[component]]
    return joined[groups]


def _sizes(
    groups: np.ndarray, file_of: np.ndarray, labels: np.ndarray, present: int
) -> pd.DataFrame:
    """Count the photos of each group and label.

    Returns:
        Columns group, label, count, and size, of all photos with that label.
    """
    photos = pd.DataFrame({"group": groups[file_of], "label": labels})[:present]
    counts = photos.groupby(["group", "label"]).size().reset_index(name="count")
    return counts.assign(size=counts.groupby("label")["count"].transform("sum"))


def _look_alike(sizes: pd.DataFrame) -> bool:
    """Return whether a data set's pictures look alike without being copies.

    Copies of a photo are few. A group with more than 20 photos of a class and more than a twentieth
    of it is none of copies; nor are groups of three or more that hold most of a small class.
    """
    count, size = sizes["count"], sizes["size"]
    large = (count > 20) & (count > size / 20)
    held = _held(sizes, (count > 2) & (count > size / 10))
    # Of fewer than 20 photos, a few copies may be most.
    return bool((large | ((size >= 20) & (held > _MOST * size))).any())


def _too_large(sizes: pd.DataFrame, bound: int) -> pd.Series:
    """List the groups to be divided in a data set of look-alikes.

    Where more than COPY bits may differ, those are the groups that hold more than a twentieth of a
    class. Pictures closer to each other may well be copies, and stay together, unless they would
    leave too little for one of the splits, or a class has several such groups.
    """
    count, size = sizes["count"], sizes["size"]
    if bound > COPY:
        return sizes["group"][(count > 2) & (count > size / 20)]
    large = (count > 5) & (count > size / 10)
    several = large.groupby(sizes["label"]).transform("sum") > 1
    return sizes["group"][large & ((_held(sizes, large) > _MOST * size) | several)]


def _held(sizes: pd.DataFrame, chosen: pd.Series) -> pd.Series:
    """Return how many photos of each label are in the chosen groups."""
    return sizes["count"].where(chosen, 0).groupby(sizes["label"]).transform("sum")
