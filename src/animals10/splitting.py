"""Who sees which photo: a stratified split that keeps near-duplicates together."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from animals10.errors import UserError
from animals10.similarity import among

SPLITS = ("train", "validation", "test")


def assign(
    photos: pd.DataFrame, pinned: pd.DataFrame, validation: float, test: float, seed: int
) -> pd.DataFrame:
    """Assign every photo to train, validation or test.

    Each class has its shares, and a group of near-duplicates stays together. Order is drawn by
    hashing (seed, group), so it depends on neither the listing nor the machine: scikit-learn's
    splitters shuffle positions instead. A photo that is pinned stays where it was, and new ones of
    its group follow it, to the test split first where a group was in several.

    Args:
        photos: columns `path`, `label`, `sha256` (hex of the file's bytes), `group`, and others.
        pinned: columns `path`, `split`, `sha256`, and `group` among the photos' groups now; or no
            rows.
        validation: share of each class, in (0, 1); met to within one photo or one group.
        test: likewise.
        seed: of the drawing of order.

    Returns:
        The photos sorted by path, with all their columns and `split`.

    Raises:
        UserError: a class is too small to have a photo in each split.
    """
    photos = photos.sort_values("path", ignore_index=True)
    known = dict(zip(pinned["sha256"], pinned["split"], strict=True))
    photos["split"] = [known.get(sha256, "") for sha256 in photos["sha256"]]
    split_of = _pinned_groups(photos, pinned)
    group_of, names = _numbered(photos["group"])
    groups = _Groups(
        names=names,
        labels=_labels(photos["label"], group_of),
        splits=[split_of.get(name, "") for name in names],
    )
    counts = Counter(zip(photos["label"], _placed(photos, group_of, groups), strict=True))
    _draw(groups, counts, {"test": test, "validation": validation}, seed)
    photos["split"] = _placed(photos, group_of, groups)
    _require_all_splits(photos, pinned)
    return photos


@dataclass
class _Groups:
    """Groups of near-duplicates by their numbers; of many photos, names of text are much memory.

    `labels` has those of each group's photos, `splits` each group's split, "" until it is drawn.
    """

    names: list[str]
    labels: list[tuple[str, ...]]
    splits: list[str]


def _numbered(groups: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return the number of each photo's group, and the groups' names by number.

    As pandas's `factorize`, which takes more memory for texts, and keeps it.
    """
    number: dict[str, int] = {}
    group_of = [number.setdefault(name, len(number)) for name in groups]
    return np.array(group_of), list(number)


def _labels(labels: pd.Series, group_of: np.ndarray) -> list[tuple[str, ...]]:
    """List the labels of each group's photos; groups with the same ones share a tuple."""
    texts = labels.tolist()
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    found = []
    for _, members in groupby(np.argsort(group_of, kind="stable"), key=lambda row: group_of[row]):
        together = tuple(texts[row] for row in members)
        found.append(same.setdefault(together, together))
    return found


def _pinned_groups(photos: pd.DataFrame, pinned: pd.DataFrame) -> dict[str, str]:
    """Return the split of each group that has pinned members, be they here or gone."""
    here = photos.loc[photos["split"] != "", ["group", "split"]]
    known = pd.concat([here, pinned[["group", "split"]]])
    split_of: dict[str, str] = {}
    for split in SPLITS:  # the test split last, so that it wins
        split_of |= dict.fromkeys(known["group"][known["split"] == split], split)
    return split_of


def _placed(photos: pd.DataFrame, group_of: np.ndarray, groups: _Groups) -> list[str]:
    """Return each photo's split: its own if it is pinned, else its group's; "" if undecided."""
    pairs = zip(photos["split"], group_of, strict=True)
    return [own or groups.splits[group] for own, group in pairs]


def _draw(
    groups: _Groups, counts: Counter[tuple[str, str]], shares: dict[str, float], seed: int
) -> None:
    """Place the undecided groups in random order."""
    totals: Counter[str] = Counter()
    for (label, _), count in counts.items():
        totals[label] += count
    wanted = {
        (label, split): max(1, int(total * share))
        for label, total in totals.items()
        for split, share in shares.items()
    }
    order = np.argsort([_order(name, seed) for name in groups.names])
    drawn = [group for group in order if not groups.splits[group]]
    for group in drawn:
        members = Counter(groups.labels[group])
        fitting = [split for split in shares if _fits(members, split, counts, wanted)]
        groups.splits[group] = (*fitting, "train")[0]
        for label, count in members.items():
            counts[label, groups.splits[group]] += count
    for label in sorted(totals, key=lambda label: (totals[label], label)):
        for empty in [split for split in SPLITS if not counts[label, split]]:
            _fill(label, empty, counts, groups, drawn)


def _fits(
    members: Counter[str],
    split: str,
    counts: Counter[tuple[str, str]],
    wanted: dict[tuple[str, str], int],
) -> bool:
    """Tell whether a group brings the counts of its labels nearer to what is wanted of a split."""
    return all(
        counts[label, split] + count / 2 <= wanted[label, split] for label, count in members.items()
    )


def _order(group: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{group}".encode()).digest()


def _fill(
    label: str,
    empty: str,
    counts: Counter[tuple[str, str]],
    groups: _Groups,
    drawn: list[int],
) -> None:
    """Move a class's smallest group into a split that has none, if that empties no other."""
    movable = [
        group
        for group in drawn
        if label in groups.labels[group]
        and all(
            counts[name, groups.splits[group]] > count
            for name, count in Counter(groups.labels[group]).items()
        )
    ]
    if movable:
        group = min(movable, key=lambda group: (len(groups.labels[group]), groups.names[group]))
        for name, count in Counter(groups.labels[group]).items():
            counts[name, groups.splits[group]] -= count
            counts[name, empty] += count
        groups.splits[group] = empty


def _require_all_splits(photos: pd.DataFrame, pinned: pd.DataFrame) -> None:
    for label, members in photos.groupby("label"):
        missing = [split for split in SPLITS if split not in set(members["split"])]
        if missing and among(members["sha256"], pinned["sha256"]).any():
            raise UserError(
                f"class {label!r} has no photo for {missing[0]}, since split.pinned keeps its "
                "photos where they were; add photos, or remove some of the class from that file"
            )
        if missing:
            raise UserError(
                f"class {label!r} has {members['group'].nunique()} different photo(s), too few for "
                "one in each of train, validation and test; add photos, or remove the class"
            )


def summarize(splits: pd.DataFrame, pinned: pd.DataFrame) -> dict[str, int]:
    """Count what a split did.

    Args:
        splits: result of `assign`.
        pinned: what was given to it.

    Returns:
        Photos in each split; groups of near-duplicates, the photos beyond the first of each
        (duplicates), groups with two labels, and groups in two splits, which only a pinned split
        can bring about; pinned photos kept where they were, and those that are gone.
    """
    groups = splits.groupby(_numbered(splits["group"])[0])
    kept = among(splits["sha256"], pinned["sha256"])
    return {
        **{split: int((splits["split"] == split).sum()) for split in SPLITS},
        "groups": int((groups.size() > 1).sum()),
        "duplicates": len(splits) - groups.ngroups,
        "groups_with_two_labels": int((groups["label"].nunique() > 1).sum()),
        "groups_in_two_splits": int((groups["split"].nunique() > 1).sum()),
        "pinned": int(kept.sum()),
        "pinned_gone": int((~among(pinned["sha256"], splits["sha256"])).sum()),
    }


def report(splits: pd.DataFrame, pinned: pd.DataFrame) -> None:
    """Print what a person should look at: labels that contradict, leaks, photos that are gone."""
    groups = splits.groupby(_numbered(splits["group"])[0])
    labels = groups["label"].transform("nunique")
    _print_first("near-duplicates have different labels", splits["path"][labels > 1])
    places = groups["split"].transform("nunique")
    _print_first("near-duplicates are in different splits, as pinned", splits["path"][places > 1])
    gone = pinned["path"][~among(pinned["sha256"], splits["sha256"])]
    _print_first("pinned photos are gone", gone)


def _print_first(what: str, paths: pd.Series, shown: int = 6) -> None:
    if len(paths):
        more = ", …" * (len(paths) > shown)
        print(f"{len(paths)} {what}: {', '.join(paths[:shown])}{more}")


def read_pinned(path: Path) -> pd.DataFrame:
    """Read an earlier splits.csv whose photos must stay where they are.

    Args:
        path: CSV with at least columns path, split, sha256 and group.

    Returns:
        Those columns, as text.

    Raises:
        UserError: the file is missing, or no such table, or contradicts itself.
    """
    try:
        pinned = pd.read_csv(path, dtype=str, keep_default_na=False)
        pinned = pinned[["path", "split", "sha256", "group"]]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"split.pinned = {str(path)!r} is no earlier splits.csv with columns path, split, "
            f"sha256 and group: {' '.join(str(error).split())}"
        ) from None
    pinned["sha256"] = pinned["sha256"].str.lower()
    twice = pinned.groupby("sha256")["split"].nunique()
    problems = [
        *(f"a split {name!r}; allowed are {', '.join(SPLITS)}"
          for name in sorted(set(pinned["split"]) - set(SPLITS))),
        *(f"the photo with sha256 {sha256} in two splits" for sha256 in twice[twice > 1].index),
        *(f"a {column} {text!r}, which is no hash of 64 hexadecimal digits"
          for column in ("sha256", "group") for text in pinned[column]
          if not re.fullmatch("[0-9a-f]{64}", text)),
    ]  # fmt: skip
    if problems:
        raise UserError(f"split.pinned = {str(path)!r} names {problems[0]}; mend or replace it")
    return pinned
