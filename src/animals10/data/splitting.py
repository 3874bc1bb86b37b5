"""Who sees which photo: a stratified split that keeps near-duplicates together."""

import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import pandas as pd

from animals10.data.names import SPLITS
from animals10.data.near_duplicates import gone
from animals10.errors import UserError

_Counts = Counter[tuple[str, str]]  # photos by label and split


def read_photos(path: Path) -> pd.DataFrame:
    """Read fetch's table of photos.

    Returns:
        Columns path, label, size in bytes, sha256, phash, mirrored, and split and given_group,
        which are "" where the data set does not give them.
    """
    types = {"size": "int64"} | dict.fromkeys(
        ("path", "label", "sha256", "phash", "mirrored", "split", "group"), "str"
    )
    table = pd.read_csv(path, usecols=list(types), dtype=types, keep_default_na=False)
    return table.rename(columns={"group": "given_group"})


def read_pinned(path: Path) -> pd.DataFrame:
    """Read an earlier splits.csv whose photos must stay where they are.

    Args:
        path: CSV with at least columns path, split, sha256 and group.

    Returns:
        Those columns, and label where the file has it, as text.

    Raises:
        UserError: the file is missing, or no such table, or contradicts itself.
    """
    columns = ["path", "split", "sha256", "group"]
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False)
        pinned = table[columns + ["label"] * ("label" in table)]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"split.pinned = {str(path)!r} is no earlier splits.csv with columns path, split, "
            f"sha256 and group: {' '.join(str(error).split())}"
        ) from None
    pinned = pinned.assign(sha256=pinned["sha256"].str.lower())
    if problem := _contradiction(pinned):
        raise UserError(f"split.pinned = {str(path)!r} names {problem}; fix or replace it")
    return pinned


def _contradiction(pinned: pd.DataFrame) -> str | None:
    if unknown := sorted(set(pinned["split"]) - set(SPLITS)):
        return f"a split {unknown[0]!r}; allowed are {', '.join(SPLITS)}"
    twice = pinned.groupby("sha256")["split"].transform("nunique") > 1
    if twice.any():
        return f"the photo with sha256 {pinned['sha256'][twice].iloc[0]} in two splits"
    for column in ("sha256", "group"):
        wrong = pinned[column][~pinned[column].str.fullmatch("[0-9a-f]{64}")]
        if len(wrong):
            return f"a {column} {wrong.iloc[0]!r}, which is no hash of 64 hexadecimal digits"
    return None


def assign(
    photos: pd.DataFrame, pinned: pd.DataFrame, validation: float, test: float, seed: int
) -> pd.DataFrame:
    """Assign every photo to train, validation or test.

    Each class has its fractions, and a group of near-duplicates stays together. Order is drawn by
    hashing (seed, group): scikit-learn's splitters shuffle positions, which depend on the listing.
    A photo that is pinned stays, and new ones of its group follow it, to test first.

    Where the data set gives its own split, its photos have that one, see `_complete`.

    Args:
        photos: columns label, sha256, group, and split, "" where the data set gives none.
        pinned: columns split, sha256, and group, named as the photos' groups now; or no rows.
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
        return _draw(photos, pinned, fractions, seed)
    if len(pinned):
        raise UserError(
            "split.pinned keeps photos where they were, but the data set gives its own split; give "
            "split.pinned=pinned/none.csv, or a data set without folders or a column of splits"
        )
    return _complete(photos, pinned, fractions, seed)


def _complete(
    photos: pd.DataFrame, pinned: pd.DataFrame, fractions: dict[str, float], seed: int
) -> pd.DataFrame:
    """Keep the splits that a data set gives, and draw those that it lacks from train.

    Near-duplicates of given validation and test photos are not drawn, but stay in train.
    """
    splits = photos.assign(split=photos["split"].replace("", "train"))
    missing = {
        name: fraction for name, fraction in fractions.items() if name not in set(splits["split"])
    }
    if missing:
        given = splits["group"][splits["split"] != "train"]
        free = ~splits["group"].isin(given)
        splits.loc[free, "split"] = _draw(photos[free], pinned, missing, seed)["split"]
    if empty := [name for name in SPLITS if name not in set(splits["split"])]:
        raise UserError(
            f"no photo is left for {empty[0]}: all are near-duplicates of photos in the given "
            "splits; add photos, or give fewer bits as split.near_duplicates"
        )
    return splits


def _draw(
    photos: pd.DataFrame, pinned: pd.DataFrame, fractions: dict[str, float], seed: int
) -> pd.DataFrame:
    """Draw the splits that have fractions, and train."""
    kept = dict(zip(pinned["sha256"], pinned["split"], strict=True))
    own = [kept.get(sha256, "") for sha256 in photos["sha256"]]
    splits: dict[str, str] = {}  # by group
    for name in SPLITS:  # the test split last, so that it wins
        splits |= dict.fromkeys(pinned["group"][pinned["split"] == name], name)
    counts = Counter(zip(photos["label"], _by_photo(photos, own, splits), strict=True))
    drawn = {
        group: labels
        for group, labels in _in_drawn_order(photos, seed).items()
        if group not in splits
    }
    _place(drawn, splits, counts, fractions)
    _fill(drawn, splits, counts, ["train", *fractions])
    photos = photos.assign(split=_by_photo(photos, own, splits))
    _require_all_splits(photos, pinned, ["train", *fractions])
    return photos


def _by_photo(photos: pd.DataFrame, own: list[str], splits: dict[str, str]) -> list[str]:
    """Return each photo's split: its own if it is pinned, else its group's, "" if undecided."""
    pairs = zip(own, photos["group"], strict=True)
    return [split or splits.get(group, "") for split, group in pairs]


def _in_drawn_order(photos: pd.DataFrame, seed: int) -> dict[str, dict[str, int]]:
    """Return how many photos of each label are in each group."""
    groups: dict[str, dict[str, int]] = defaultdict(Counter)
    for group, label in zip(photos["group"], photos["label"], strict=True):
        groups[group][label] += 1
    order = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    return {group: groups[group] for group in order}


def _place(
    drawn: dict[str, dict[str, int]],
    splits: dict[str, str],
    counts: _Counts,
    fractions: dict[str, float],
) -> None:
    """Add the drawn groups to the splits, one by one, to train where nothing else needs them."""
    totals = _totals(counts)

    def fits(label: str, count: int, split: str) -> bool:
        """Return whether photos bring a split nearer to its fraction of their class.

        And by at most a fortieth of the class beyond: a large group could bring much more.
        """
        wanted, now = max(1, int(totals[label] * fractions[split])), counts[label, split]
        return now + count / 2 <= wanted and now + count <= wanted + totals[label] // 40

    for group, labels in drawn.items():
        fitting = [
            split
            for split in fractions
            if all(fits(label, count, split) for label, count in labels.items())
        ]
        splits[group] = (*fitting, "train")[0]
        for label, count in labels.items():
            counts[label, splits[group]] += count


def _fill(
    drawn: dict[str, dict[str, int]], splits: dict[str, str], counts: _Counts, names: list[str]
) -> None:
    """Move a class's smallest group into a split that has none, if that empties no other."""
    totals = _totals(counts)
    # Small classes first, since they have fewer groups to choose from.
    for label in sorted(totals, key=lambda label: (totals[label], label)):
        for empty in [name for name in names if not counts[label, name]]:
            movable = [
                (splits[group] != "train", sum(labels.values()), group)
                for group, labels in drawn.items()
                if label in labels
                and all(counts[other, splits[group]] > count for other, count in labels.items())
            ]
            if movable:
                group = min(movable)[-1]  # train's first: the other splits have what they should
                for other, count in drawn[group].items():
                    counts[other, splits[group]] -= count
                    counts[other, empty] += count
                splits[group] = empty


def _totals(counts: _Counts) -> Counter[str]:
    totals: Counter[str] = Counter()
    for (label, _), count in counts.items():
        totals[label] += count
    return totals


def _require_all_splits(photos: pd.DataFrame, pinned: pd.DataFrame, names: list[str]) -> None:
    for label, members in photos.groupby("label"):
        missing = [name for name in names if name not in set(members["split"])]
        if missing and members["sha256"].isin(pinned["sha256"]).any():
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
                f"{', '.join(names)}{copies * (different < len(members))}; add photos, or remove "
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
    return {
        **{name: int((splits["split"] == name).sum()) for name in SPLITS},
        "groups": int((groups.size() > 1).sum()),
        "duplicates": len(splits) - groups.ngroups,
        "groups_with_two_labels": int((groups["label"].nunique() > 1).sum()),
        "groups_in_two_splits": int((groups["split"].nunique() > 1).sum()),
        "test_duplicates": int((across_splits(splits)["split"] == "test").sum()),
        "pinned": int(splits["sha256"].isin(pinned["sha256"]).sum()),
        "pinned_gone": int(gone(pinned, splits).sum()),
    }


def across_splits(splits: pd.DataFrame) -> pd.DataFrame:
    """List the photos whose near-duplicates are in another split too, by group, split and path."""
    several = splits.groupby("group")["split"].transform("nunique") > 1
    return splits[several].sort_values(["group", "split", "path"])


def report(splits: pd.DataFrame, pinned: pd.DataFrame) -> None:
    """Print what a person should look at: labels that contradict, leaks, photos that are gone."""
    labels = splits.groupby("group")["label"].transform("nunique")
    _print_first("near-duplicates have different labels", splits["path"][labels > 1])
    whose = "pinned" if len(pinned) else "given"
    leaks = across_splits(splits)["path"].sort_index()
    _print_first(f"near-duplicates are in different splits, as {whose}", leaks)
    _print_first("pinned photos are gone", pinned["path"][gone(pinned, splits)])
    for name in SPLITS:
        lacking = sorted(set(splits["label"]) - set(splits["label"][splits["split"] == name]))
        if lacking:
            print(f"{name} has no photo of: {', '.join(lacking)}")


def _print_first(what: str, paths: pd.Series, shown: int = 6) -> None:
    if len(paths):
        more = ", …" * (len(paths) > shown)
        print(f"{len(paths)} {what}: {', '.join(paths[:shown])}{more}")
