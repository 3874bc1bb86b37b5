import hashlib
from collections import Counter

import pandas as pd
import pytest

from animals10.errors import UserError
from animals10.splitting import assign


def photos(**counts: int) -> pd.DataFrame:
    rows = [
        (f"{label}/{i}.jpg", label, hash_of(label, i))
        for label, count in counts.items()
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=["path", "label", "sha256"])


def hash_of(label: str, index: int) -> str:
    return hashlib.sha256(f"{label}{index}".encode()).hexdigest()


def shares(splits: pd.DataFrame) -> dict[tuple[str, str], int]:
    return dict(Counter(zip(splits["label"], splits["split"], strict=True)))


def test_each_class_has_the_shares_asked_for() -> None:
    counts = shares(assign(photos(cat=100, dog=40), validation=0.15, test=0.2, seed=1))
    assert counts == {
        ("cat", "train"): 65,
        ("cat", "validation"): 15,
        ("cat", "test"): 20,
        ("dog", "train"): 26,
        ("dog", "validation"): 6,
        ("dog", "test"): 8,
    }


def test_the_listing_order_does_not_matter() -> None:
    table = photos(cat=50, dog=50)
    shuffled = table.sample(frac=1, random_state=3)
    assert assign(shuffled, 0.2, 0.2, 1).equals(assign(table, 0.2, 0.2, 1))


def test_another_seed_gives_another_split() -> None:
    table = photos(cat=50, dog=50)
    assert not assign(table, 0.2, 0.2, 1).equals(assign(table, 0.2, 0.2, 2))


def test_copies_of_a_photo_stay_together() -> None:
    table = photos(cat=30, dog=30)
    copies = table.assign(path="z-" + table["path"])
    splits = assign(pd.concat([table, copies]), 0.2, 0.2, 1)
    assert (splits.groupby("sha256")["split"].nunique() == 1).all()
    assert shares(splits)[("cat", "test")] == 12


def test_a_photo_under_two_labels_stays_in_one_split() -> None:
    table = photos(cat=30, dog=30)
    table.loc[30:39, "sha256"] = table.loc[0:9, "sha256"].to_numpy()
    splits = assign(table, 0.2, 0.2, 1)
    assert (splits.groupby("sha256")["split"].nunique() == 1).all()


@pytest.mark.parametrize("seed", range(6))
def test_many_copies_of_one_photo_do_not_starve_training(seed: int) -> None:
    table = photos(cat=100)
    table["sha256"] = [hash_of("copy", 0)] * 60 + table["sha256"].tolist()[60:]
    counts = shares(assign(table, 0.2, 0.2, seed))
    assert counts == {("cat", "train"): 60, ("cat", "validation"): 20, ("cat", "test"): 20}


@pytest.mark.parametrize("count", [3, 4, 6, 8])
def test_large_shares_leave_something_for_training(count: int) -> None:
    assert shares(assign(photos(cat=count), 0.45, 0.45, 1))[("cat", "train")] >= 1


def test_tiny_classes_have_one_photo_in_each_split() -> None:
    counts = shares(assign(photos(cat=3, dog=100), 0.1, 0.1, 1))
    assert [counts[("cat", split)] for split in ("train", "validation", "test")] == [1, 1, 1]


def test_a_class_that_is_too_small_is_an_error() -> None:
    with pytest.raises(UserError, match=r"class 'cat' has 2 different photo\(s\), too few"):
        assign(photos(cat=2, dog=100), 0.1, 0.1, 1)
