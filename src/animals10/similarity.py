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
_PAIRS = 2**23  # fewer photos at once if there were more pairs than these
COPY = 8  # bits; by so many at most differ most copies, and by chance hardly any two photos
_LOWER = (44, 32, 20, COPY, 0)  # thresholds that take look-alikes apart
_MOST = 0.6  # of a class; the rest is enough for validation and test splits of usual size


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


class Grouped(NamedTuple):
    """Photos and an earlier split of photos, with their groups of near-duplicates.

    Attributes:
        photos: with `group`, a number.
        pinned: with `group`, a number among those of the photos.
        names: of the groups by number, uint8 of shape (groups, 32): the perceptual hash of the
            photo with the smallest sha256 in it, by which a later run finds the group again even
            without its photos. It is the sha256 itself without a threshold, and where photos of
            several groups have the same perceptual hash.
        taken_apart: how many groups were too large to be copies of one photo.
    """

    photos: pd.DataFrame
    pinned: pd.DataFrame
    names: np.ndarray
    taken_apart: int


def add_groups(
    photos: pd.DataFrame, hashes: Hashes, pinned: pd.DataFrame, threshold: int | None
) -> Grouped:
    """Add the groups of near-duplicates to the photos, and to an earlier split of photos.

    Args:
        photos: columns sha256 and label; and given_group where the data set itself has groups:
            photos with the same one are together whatever they look like, "" is none.
        hashes: of the photos.
        pinned: columns sha256, group (the name of one), and label if it is known. Of a photo that
            is gone, its group's name is what is known of its looks, so that copies of it are found
            still.
        threshold: as for `group`.
    """
    missing = ~among(pinned["sha256"], photos["sha256"])
    gone = pinned[missing]
    if len(gone):
        known = (bits(gone[column]) for column in ("sha256", "group", "group"))
        hashes = Hashes(*(np.concatenate(pair) for pair in zip(hashes, known, strict=True)))
    first, taken_apart = group(hashes, _label_codes(photos, gone), threshold, len(photos))
    if "given_group" in photos:
        first = _joined(first, *_given_links(photos["given_group"]))
    numbers, smallest = _numbered(first, hashes.sha256)
    here, left = np.split(numbers, [len(photos)])
    kept = among(photos["sha256"], pinned["sha256"])
    number = dict(zip(photos["sha256"][kept], here[kept], strict=True))
    earlier = np.empty(len(pinned), int)
    earlier[missing] = left
    earlier[~missing] = [number[sha256] for sha256 in pinned["sha256"][~missing]]
    names = hashes.sha256[smallest] if threshold is None else _names(hashes, smallest)
    return Grouped(photos.assign(group=here), pinned.assign(group=earlier), names, taken_apart)


def _label_codes(photos: pd.DataFrame, gone: pd.DataFrame) -> np.ndarray:
    """Number the labels of the photos and of those that are gone; -1 is an unknown one."""
    labels = [photos["label"]]
    if "label" in gone:
        labels.append(gone["label"])
    codes, _ = pd.factorize(pd.concat(labels))
    return np.pad(codes, (0, len(photos) + len(gone) - len(codes)), constant_values=-1)


def _given_links(given: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return rows with a group given, and for each of them the first row with the same one."""
    rows = np.flatnonzero(given != "")
    codes, _ = pd.factorize(given.iloc[rows])
    _, begins, same = np.unique(codes, return_index=True, return_inverse=True)
    return rows, rows[begins[same]]


def _numbered(first: np.ndarray, sha256: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number groups in the order of their smallest sha256, whatever the order of the photos.

    Returns:
        Each photo's number; and by number which photo has the group's smallest sha256.
    """
    order = np.argsort(_texts(sha256), kind="stable")
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    lowest = np.full(len(order), len(order))
    np.minimum.at(lowest, first, rank)
    ranks, numbers = np.unique(lowest[first], return_inverse=True)
    return numbers, order[ranks]


def _names(hashes: Hashes, smallest: np.ndarray) -> np.ndarray:
    """Name groups after one photo of each."""
    names = hashes.plain[smallest]
    _, looks, counts = np.unique(_texts(names), return_inverse=True, return_counts=True)
    # A name of two groups would make them one to whoever reads splits.csv.
    shared = counts[looks] > 1
    names[shared] = hashes.sha256[smallest[shared]]
    return names


def among(texts: pd.Series, others: pd.Series) -> np.ndarray:
    """Return which texts of a column are in another: bool, of shape (len(texts),).

    As pandas's `isin`, which takes four times the memory, and keeps it.
    """
    fewer, more = sorted((texts, others), key=len)
    shared = set(fewer).intersection(more)
    return np.fromiter((text in shared for text in texts), bool, len(texts))


def group(
    hashes: Hashes, labels: np.ndarray, threshold: int | None, present: int | None = None
) -> tuple[np.ndarray, int]:
    """Put photos together that show the same picture, or are linked by ones that do.

    Within a class, mirror images count too. Photos of two classes are together if at most COPY bits
    differ. Identical files are always together.

    Different pictures may look alike to a perceptual hash: digits, icons, plots with equal axes.
    Where groups show that a data set is such, see `_looks_alike`, lower thresholds take the large
    ones apart, and of two classes only identical files are together.

    Args:
        hashes: perceptual hashes and sha256 of the photos.
        labels: classes of the photos, integers of shape (n,); -1 is unknown, and goes with all.
        threshold: of the 256 bits, how many may differ between near-duplicates; None puts only
            identical files together.
        present: only so many photos, the first, count for sizes of groups and classes; None: all.

    Returns:
        For each photo the index of one photo of its group, the same for all of the group, of shape
        (n,); and how many groups were taken apart.
    """
    kept, file_of = _files(hashes)
    alone = np.arange(len(kept))
    if threshold is None:
        return kept[file_of], 0
    files = Hashes(*(column[kept] for column in hashes))
    bounds = [threshold, *(bound for bound in _LOWER if bound < threshold)]
    mixed, *levels = _components(files, _classes(labels, file_of), bounds)
    if not _looks_alike(mixed[file_of][:present], labels[:present]):
        return kept[mixed[file_of]], 0
    chosen = levels[0]
    for bound, lower in zip(bounds, [*levels[1:], alone], strict=True):
        large = np.zeros(len(kept), bool)
        large[_too_large(chosen[file_of][:present], labels[:present], bound)] = True
        chosen = np.where(large[chosen], lower, chosen)
    return kept[chosen[file_of]], len(np.unique(mixed[chosen != mixed]))


def _files(hashes: Hashes) -> tuple[np.ndarray, np.ndarray]:
    """Return one photo for each file, and each photo's file; identical ones are compared once."""
    # With its looks, since a photo that is gone may be known by the names of several groups.
    both = np.hstack([hashes.sha256, hashes.plain]).view(f"S{2 * _BYTES}").ravel()
    _, kept, file_of = np.unique(both, return_index=True, return_inverse=True)
    return kept, file_of


def _classes(labels: np.ndarray, file_of: np.ndarray) -> np.ndarray:
    """Return each file's label, or a label of its own where its photos have several."""
    lowest = np.full(file_of.max(initial=-1) + 1, len(labels))
    highest = np.full_like(lowest, -1)
    np.minimum.at(lowest, file_of, labels)
    np.maximum.at(highest, file_of, labels)
    own = len(labels) + np.arange(len(lowest))
    return np.where(lowest == highest, lowest, own)


def _components(files: Hashes, classes: np.ndarray, bounds: list[int]) -> list[np.ndarray]:
    """Return the first file of each file's group, for several ways to link files.

    Returns:
        First with links between classes, where at most bounds[0] bits may differ; then without, for
        each bound.
    """
    index = faiss.IndexBinaryFlat(8 * _BYTES)
    index.add(files.plain)
    mixed, *levels = (np.arange(index.ntotal) for _ in range(len(bounds) + 1))
    block = max(1, min(_BLOCK, _PAIRS // max(1, index.ntotal)))
    for start in range(0, index.ntotal, block):  # so that memory does not grow with all pairs
        asking = np.arange(start, min(start + block, index.ntotal))
        for looks, across in ((files.plain, COPY), (files.mirrored, -1)):
            rows, found, distances = _near(index, looks, asking, bounds[0])
            ours, theirs = classes[rows], classes[found]
            same = (ours == theirs) | (ours < 0) | (theirs < 0)
            linked = same | (distances <= across)
            mixed = _joined(mixed, rows[linked], found[linked])
            rows, found, distances = rows[same], found[same], distances[same]
            for level, bound in enumerate(bounds):
                close = distances <= bound
                levels[level] = _joined(levels[level], rows[close], found[close])
    return [mixed, *levels]


def _near(
    index: "faiss.IndexBinaryFlat", looks: np.ndarray, asking: np.ndarray, bound: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of files at most so many bits apart: who asks, who is found, how many bits."""
    # Faiss finds distances below its radius, not at it.
    limits, distances, found = index.range_search(looks[asking], bound + 1)
    rows = np.repeat(asking, np.diff(limits.astype(np.int64)))
    others = rows != found
    return rows[others], found[others], distances[others]


def _looks_alike(groups: np.ndarray, labels: np.ndarray) -> bool:
    """Tell whether groups are so large that a data set's pictures look alike without being copies.

    Copies of a photo are few. A group with more than 20 photos of a class and more than a twentieth
    of it is none of copies; nor are groups of three or more that hold most of a small class.

    Args:
        groups: of each photo, integers.
        labels: of each photo, integers from 0.
    """
    _, label, counts, sizes = _members(groups, labels)
    large = (counts > 20) & (counts > sizes / 20)
    several = (counts > 2) & (counts > sizes / 10)
    held = np.bincount(label, counts * several)[label]
    # Of fewer than 20 photos, a few copies may be most.
    return bool((large | ((sizes >= 20) & (held > _MOST * sizes))).any())


def _too_large(groups: np.ndarray, labels: np.ndarray, bound: int) -> np.ndarray:
    """List the groups to be taken apart in a data set of look-alikes.

    Where more than COPY bits may differ, those are the groups that hold more than a twentieth of a
    class. Pictures closer to each other may well be copies, and stay together, unless they would
    leave too little to share out between the splits, or a class has several such groups.

    Args:
        groups: of each photo, integers.
        labels: of each photo, integers from 0.
        bound: how many bits may differ between linked photos of these groups.
    """
    group, label, counts, sizes = _members(groups, labels)
    if bound > COPY:
        return group[(counts > 2) & (counts > sizes / 20)]
    large = (counts > 5) & (counts > sizes / 10)
    held, several = (np.bincount(label, values)[label] for values in (counts * large, large))
    return group[large & ((held > _MOST * sizes) | (several > 1))]


def _members(groups: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the pairs of group and label, how many photos are of each, and of its label."""
    kinds = labels.max(initial=0) + 1
    pairs, counts = np.unique(groups * kinds + labels, return_counts=True)
    group, label = np.divmod(pairs, kinds)
    return group, label, counts, np.bincount(labels)[label]


def _joined(first: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the first member of each group after linking rows with columns."""
    rows, columns = first[rows], first[columns]
    apart = rows != columns
    if not apart.any():
        return first
    ends, links = np.unique(np.stack([rows[apart], columns[apart]]), return_inverse=True)
    links = links.reshape(2, -1)
    size = len(ends)
    table = coo_array((np.ones(links.shape[1], bool), links), (size, size))
    _, component = connected_components(table, directed=False)
    _, smallest = np.unique(component, return_index=True)
    joined = np.arange(len(first))
    joined[ends] = ends[smallest[component]]
    return joined[first]


def bits(hashes: pd.Series) -> np.ndarray:
    """Return hexadecimal hashes as uint8 of shape (n, 32), as Faiss takes them."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, _BYTES)


def digits(hashes: np.ndarray) -> list[str]:
    """Return what `bits` was given."""
    return [row.tobytes().hex() for row in hashes]


def _texts(hashes: np.ndarray) -> np.ndarray:
    """Return hashes as what numpy sorts; it cuts zeros at the end, which changes no order here."""
    return hashes.view(f"S{_BYTES}").ravel()
