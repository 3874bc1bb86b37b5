"""Who sees which photo: a stratified split that keeps near-duplicates together."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from sys import intern

import numpy as np
import pandas as pd

from animals10.errors import UserError
from animals10.names import SPLITS as SPLITS
from animals10.photos import pieces
from animals10.similarity import among, digits


def assign(
    photos: pd.DataFrame,
    pinned: pd.DataFrame,
    names: np.ndarray,
    validation: float,
    test: float,
    seed: int,
) -> pd.DataFrame:
    """Assign every photo to train, validation or test.

    Each class has its fractions, and a group of near-duplicates stays together. Order is drawn by
    hashing (seed, group): scikit-learn's splitters shuffle positions, which depend on the listing.
    A photo that is pinned stays, and new ones of its group follow it, to test first.

    Where the data set gives its own split, its photos have that one, see `_completed`.

    Args:
        photos: columns `label`, `sha256` (hex of the file's bytes), `group`, a number, `split`, ""
            where the data set gives none, and others.
        pinned: columns `split`, `sha256`, and `group` among the photos' groups now; or no rows.
        names: of the groups by number, uint8 of shape (groups, 32).
        validation: fraction of each class, in (0, 1); met to within one photo or one group.
        test: likewise.
        seed: of the drawing of order.

    Returns:
        The photos with all their columns and `split`.

    Raises:
        UserError: a class is too small for all splits, or photos of a given split are pinned.
    """
    fractions = {"test": test, "validation": validation}
    if not (photos["split"] != "").any():
        return _drawn(photos, pinned, names, fractions, seed)
    if len(pinned):
        raise UserError(
            "split.pinned keeps photos where they were, but the data set gives its own split; give "
            "split.pinned=pinned/none.csv, or a data set without folders or a column of splits"
        )
    return _completed(photos, names, fractions, seed)


def _completed(
    photos: pd.DataFrame, names: np.ndarray, fractions: dict[str, float], seed: int
) -> pd.DataFrame:
    """Keep the splits that a data set gives, and draw those that it lacks from train.

    But not from photos of train that are like one of a given validation or test split.
    """
    given = photos["split"].to_numpy()
    trains = np.isin(given, ["", "train"])
    missing = {name: share for name, share in fractions.items() if not (given == name).any()}
    like = among(photos["group"], photos["group"][~trains])
    splits = photos.assign(split=np.where(trains, "train", given))
    if missing:
        none = pd.DataFrame(columns=["split", "sha256", "group"], dtype=str)
        free = _drawn(photos[trains & ~like].assign(split=""), none, names, missing, seed)
        splits = pd.concat([splits[~trains | like], free]).sort_index()
    if empty := [name for name in SPLITS if not (splits["split"] == name).any()]:
        raise UserError(
            f"no photo is left for {empty[0]}: all are near-duplicates of photos in the given "
            "splits; add photos, or give fewer bits as split.near_duplicates"
        )
    return splits


def _drawn(
    photos: pd.DataFrame,
    pinned: pd.DataFrame,
    names: np.ndarray,
    fractions: dict[str, float],
    seed: int,
) -> pd.DataFrame:
    """Draw the splits that have fractions, and train."""
    known = dict(zip(pinned["sha256"], pinned["split"], strict=True))
    photos = photos.assign(split=[known.get(sha256, "") for sha256 in photos["sha256"]])
    split_of = _pinned_groups(pinned)
    groups = _Groups(
        names=names,
        labels=_labels(photos, len(names)),
        splits=[split_of.get(number, "") for number in range(len(names))],
    )
    counts = Counter(zip(photos["label"], _placed(photos, groups), strict=True))
    _draw(groups, counts, fractions, seed)
    photos["split"] = _placed(photos, groups)
    _require_all_splits(photos, pinned, ["train", *fractions])
    return photos


@dataclass
class _Groups:
    """Groups of near-duplicates by their numbers.

    `labels` has those of each group's photos, none of a group whose photos are gone; `splits` each
    group's split, "" until it is drawn.
    """

    names: np.ndarray
    labels: list[tuple[str, ...]]
    splits: list[str]


def _labels(photos: pd.DataFrame, groups: int) -> list[tuple[str, ...]]:
    """List the labels of each group's photos; groups with the same ones share a tuple."""
    texts = [intern(label) for label in photos["label"]]  # else a copy for each photo
    group_of = photos["group"].to_numpy()
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    found: list[tuple[str, ...]] = [()] * groups
    for number, rows in groupby(np.argsort(group_of, kind="stable"), key=lambda row: group_of[row]):
        together = tuple(texts[row] for row in rows)
        found[number] = same.setdefault(together, together)
    return found


def _pinned_groups(pinned: pd.DataFrame) -> dict[int, str]:
    """Return the split of each group that has pinned members, be they here or gone."""
    split_of: dict[int, str] = {}
    for split in SPLITS:  # the test split last, so that it wins
        split_of |= dict.fromkeys(pinned["group"][pinned["split"] == split], split)
    return split_of


def _placed(photos: pd.DataFrame, groups: _Groups) -> list[str]:
    """Return each photo's split: its own if it is pinned, else its group's; "" if undecided."""
    pairs = zip(photos["split"], photos["group"], strict=True)
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
    drawn = [group for group in _order(groups.names, seed) if not groups.splits[group]]
    for group in drawn:
        members = Counter(groups.labels[group])
        fitting = [split for split in shares if _fits(members, split, counts, wanted, totals)]
        groups.splits[group] = (*fitting, "train")[0]
        for label, count in members.items():
            counts[label, groups.splits[group]] += count
    for label in sorted(totals, key=lambda label: (totals[label], label)):
        for empty in [split for split in ("train", *shares) if not counts[label, split]]:
            _fill(label, empty, counts, groups, drawn)


def _fits(
    members: Counter[str],
    split: str,
    counts: Counter[tuple[str, str]],
    wanted: dict[tuple[str, str], int],
    totals: Counter[str],
) -> bool:
    """Tell whether a group brings the counts of its labels nearer to what is wanted of a split.

    And by at most a fortieth of the class beyond that: a large group could bring much more.
    """
    return all(
        counts[label, split] + count / 2 <= wanted[label, split]
        and counts[label, split] + count <= wanted[label, split] + totals[label] // 40
        for label, count in members.items()
    )


def _order(names: np.ndarray, seed: int) -> np.ndarray:
    texts = (f"{seed}:{name.tobytes().hex()}".encode() for name in names)
    drawn = (hashlib.sha256(text).digest() for text in texts)
    return np.argsort(np.fromiter(drawn, "S32", len(names)), kind="stable")


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
        group = min(  # one of train's, if it can: the other splits have what they should
            movable,
            key=lambda group: (
                groups.splits[group] != "train",
                len(groups.labels[group]),
                groups.names[group].tobytes(),
            ),
        )
        for name, count in Counter(groups.labels[group]).items():
            counts[name, groups.splits[group]] -= count
            counts[name, empty] += count
        groups.splits[group] = empty


def _require_all_splits(photos: pd.DataFrame, pinned: pd.DataFrame, splits: list[str]) -> None:
    for label, members in photos.groupby("label"):
        missing = [split for split in splits if split not in set(members["split"])]
        if missing and among(members["sha256"], pinned["sha256"]).any():
            raise UserError(
                f"class {label!r} has no photo for {missing[0]}, since split.pinned keeps its "
                "photos where they were; add photos, or remove some of the class from that file"
            )
        if missing:
            different = members["group"].nunique()
            copies = (
                f" (split.near_duplicates takes the rest of its {len(members):,} for copies: give "
                "fewer bits, or null for identical files alone)"
            )
            raise UserError(
                f"class {label!r} has {different} different photo(s), too few for one in each of "
                f"{', '.join(splits)}{copies * (different < len(members))}; add photos, or remove "
                "the class"
            )


def summarize(splits: pd.DataFrame, pinned: pd.DataFrame) -> dict[str, int]:
    """Count what a split did.

    Args:
        splits: result of `assign`.
        pinned: what was given to it.

    Returns:
        Photos in each split; groups of near-duplicates, the photos beyond the first of each
        (duplicates), groups with two labels, and groups in two splits, which only a pinned or given
        split can bring about, with the test photos of these; pinned photos kept where they were,
        and those that are gone.
    """
    groups = splits.groupby("group")
    kept = among(splits["sha256"], pinned["sha256"])
    return {
        **{split: int((splits["split"] == split).sum()) for split in SPLITS},
        "groups": int((groups.size() > 1).sum()),
        "duplicates": len(splits) - groups.ngroups,
        "groups_with_two_labels": int((groups["label"].nunique() > 1).sum()),
        "groups_in_two_splits": int((groups["split"].nunique() > 1).sum()),
        "test_duplicates": int((straddling(splits)["split"] == "test").sum()),
        "pinned": int(kept.sum()),
        "pinned_gone": int((~among(pinned["sha256"], splits["sha256"])).sum()),
    }


def straddling(splits: pd.DataFrame) -> pd.DataFrame:
    """List the photos whose near-duplicates are in another split too.

    Args:
        splits: columns `path`, `split` and `group`, and others.

    Returns:
        These photos with all columns, sorted by group, split and path.
    """
    several = splits.groupby("group")["split"].transform("nunique") > 1
    return splits[several].sort_values(["group", "split", "path"])


def named(splits: pd.DataFrame, names: np.ndarray, rows: int = 8192) -> Iterator[pd.DataFrame]:
    """Yield a split as `read_pinned` reads it, in pieces, since names of groups are long.

    Args:
        splits: result of `assign`.
        names: of the groups, as there.
        rows: of each piece.
    """
    for start in range(0, max(1, len(splits)), rows):
        piece = splits[["path", "label", "split", "sha256", "group"]].iloc[start : start + rows]
        yield piece.assign(group=digits(names[piece["group"]]))


def report(splits: pd.DataFrame, pinned: pd.DataFrame) -> None:
    """Print what a person should look at: labels that contradict, leaks, photos that are gone."""
    groups = splits.groupby("group")
    labels = groups["label"].transform("nunique")
    _print_first("near-duplicates have different labels", splits["path"][labels > 1])
    places = groups["split"].transform("nunique")
    whose = "pinned" if len(pinned) else "given"
    _print_first(f"near-duplicates are in different splits, as {whose}", splits["path"][places > 1])
    gone = pinned["path"][~among(pinned["sha256"], splits["sha256"])]
    _print_first("pinned photos are gone", gone)
    for split in SPLITS:
        lacking = sorted(set(splits["label"]) - set(splits["label"][splits["split"] == split]))
        if lacking:
            print(f"{split} has no photo of: {', '.join(lacking)}")


def _print_first(what: str, paths: pd.Series, shown: int = 6) -> None:
    if len(paths):
        more = ", …" * (len(paths) > shown)
        print(f"{len(paths)} {what}: {', '.join(paths[:shown])}{more}")


def read_pinned(path: Path) -> pd.DataFrame:
    """Read an earlier splits.csv whose photos must stay where they are.

    Args:
        path: CSV with at least columns path, split, sha256 and group.

    Returns:
        Those columns, and label where the file has it, as text.

    Raises:
        UserError: the file is missing, or no such table, or contradicts itself.
    """
    try:
        columns = ["path", "split", "sha256", "group"]
        columns += [name for name in pd.read_csv(path, nrows=0).columns if name == "label"]
        pinned = pd.concat(pieces(path, columns))[columns]
    except (OSError, ValueError) as error:
        raise UserError(
            f"split.pinned = {str(path)!r} is no earlier splits.csv with columns path, split, "
            f"sha256 and group: {' '.join(str(error).split())}"
        ) from None
    pinned["sha256"] = pinned["sha256"].str.lower()
    split_of: dict[str, str] = {}
    known = zip(pinned["sha256"], pinned["split"], strict=True)
    problems = [
        *(f"a split {name!r}; allowed are {', '.join(SPLITS)}"
          for name in sorted(set(pinned["split"]) - set(SPLITS))),
        *(f"the photo with sha256 {sha256} in two splits"
          for sha256, split in known if split_of.setdefault(sha256, split) != split),
        *(f"a {column} {text!r}, which is no hash of 64 hexadecimal digits"
          for column in ("sha256", "group") for text in pinned[column]
          if not re.fullmatch("[0-9a-f]{64}", text)),
    ]  # fmt: skip
    if problems:
        raise UserError(f"split.pinned = {str(path)!r} names {problems[0]}; mend or replace it")
    return pinned
