"""Who sees which photo: a stratified split that keeps identical photos together."""

import hashlib
from collections import defaultdict

import pandas as pd

from animals10.errors import UserError

SPLITS = ("train", "validation", "test")


def assign(photos: pd.DataFrame, validation: float, test: float, seed: int) -> pd.DataFrame:
    """Assign every photo to train, validation or test.

    Each class is split by itself, and photos with the same bytes stay together. Order is drawn by
    hashing (seed, content), so it depends on neither the listing nor the machine: scikit-learn's
    splitters shuffle positions instead.

    Args:
        photos: columns `path`, `label`, `sha256` (hex of the file's bytes).
        validation: share of each class, in (0, 1).
        test: likewise.
        seed: of the drawing of order.

    Returns:
        The photos sorted by path, with columns path, label, split, sha256, group.

    Raises:
        UserError: a class is too small to have a photo in each split.
    """
    photos = photos.sort_values("path", ignore_index=True)
    photos["group"] = photos["sha256"].str[:16]
    photos["order"] = [_order(group, seed) for group in photos["group"]]
    split_of: dict[str, str] = {}
    for label, members in photos.groupby("label"):
        _assign_class(str(label), members, {"test": test, "validation": validation}, split_of)
    photos["split"] = photos["group"].map(split_of)
    return photos[["path", "label", "split", "sha256", "group"]]


def _order(group: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()


def _assign_class(
    label: str, members: pd.DataFrame, shares: dict[str, float], split_of: dict[str, str]
) -> None:
    counts: dict[str, int] = defaultdict(int)
    for group, size in members.groupby("group").size().items():
        if group in split_of:  # the same photo under an earlier label
            counts[split_of[str(group)]] += int(size)
    wanted = {split: max(1, int(len(members) * share)) for split, share in shares.items()}
    for group, photos in members.sort_values(["order", "path"]).groupby("group", sort=False):
        if group not in split_of:
            size = len(photos)
            # Where it brings the count nearer to what is wanted; a large group is for training.
            split = next((s for s in wanted if counts[s] + size / 2 <= wanted[s]), "train")
            split_of[str(group)] = split
            counts[split] += size
    if any(not counts[split] for split in SPLITS):
        raise UserError(
            f"class {label!r} has {members['group'].nunique()} different photo(s), too few for "
            "one in each of train, validation and test; add photos, or remove the class"
        )
