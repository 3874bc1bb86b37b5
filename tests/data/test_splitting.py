import hashlib
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from animals10.data.names import SPLITS
from animals10.data.splitting import (
    across_splits,
    assign,
    read_photos,
    read_pinned,
    report,
    summarize,
)
from animals10.errors import UserError

NONE = pd.DataFrame(columns=["path", "split", "sha256", "group"], dtype=str)


def split(
    photos: pd.DataFrame,
    validation: float = 0.2,
    test: float = 0.2,
    seed: int = 1,
    pinned: pd.DataFrame = NONE,
) -> pd.DataFrame:
    """Assign photos; each is a group of its own unless they say otherwise."""
    photos = pd.DataFrame({"group": photos["sha256"], "split": ""} | dict(photos))
    return assign(photos, pinned, validation, test, seed)


def photos(**counts: int) -> pd.DataFrame:
    rows = [
        (f"{label}/{i}.jpg", label, hash_of(label, i))
        for label, count in counts.items()
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=["path", "label", "sha256"])


def hash_of(label: str, index: int) -> str:
    return hashlib.sha256(f"{label}{index}".encode()).hexdigest()


def counted(splits: pd.DataFrame) -> dict[tuple[str, str], int]:
    return dict(Counter(zip(splits["label"], splits["split"], strict=True)))


def test_each_class_has_the_fractions_asked_for() -> None:
    counts = counted(split(photos(cat=100, dog=40), validation=0.15, test=0.2))
    assert counts == {
        ("cat", "train"): 65,
        ("cat", "validation"): 15,
        ("cat", "test"): 20,
        ("dog", "train"): 26,
        ("dog", "validation"): 6,
        ("dog", "test"): 8,
    }


def test_the_seed_matters_and_the_listing_order_does_not() -> None:
    table = photos(cat=50, dog=50)
    shuffled = table.sample(frac=1, random_state=3)
    assert split(shuffled).sort_index().equals(split(table))
    assert not split(table, seed=2).equals(split(table))


def test_copies_of_a_photo_stay_together() -> None:
    table = photos(cat=30, dog=30)
    copies = table.assign(path="z-" + table["path"])
    splits = split(pd.concat([table, copies]))
    assert (splits.groupby("sha256")["split"].nunique() == 1).all()
    assert counted(splits)[("cat", "test")] == 12


def test_a_photo_under_two_labels_stays_in_one_split() -> None:
    table = photos(cat=30, dog=30)
    table.loc[30:39, "sha256"] = table.loc[0:9, "sha256"].to_numpy()
    splits = split(table)
    assert (splits.groupby("sha256")["split"].nunique() == 1).all()


@pytest.mark.parametrize("seed", range(6))
def test_many_copies_of_one_photo_do_not_starve_training(seed: int) -> None:
    table = photos(cat=100)
    table["sha256"] = [hash_of("copy", 0)] * 60 + table["sha256"].tolist()[60:]
    counts = counted(split(table, seed=seed))
    assert counts == {("cat", "train"): 60, ("cat", "validation"): 20, ("cat", "test"): 20}


@pytest.mark.parametrize("count", [3, 4, 6, 8])
def test_large_fractions_leave_something_for_training(count: int) -> None:
    assert counted(split(photos(cat=count), 0.45, 0.45))[("cat", "train")] >= 1


@pytest.mark.parametrize("copies", [1, 3])
def test_tiny_classes_have_one_group_in_each_split(copies: int) -> None:
    table = pd.concat([*[photos(cat=3)] * copies, photos(dog=100)])
    counts = counted(split(table, 0.1, 0.1))
    assert [counts[("cat", name)] for name in SPLITS] == [copies] * 3


def test_a_class_that_is_too_small_is_an_error() -> None:
    with pytest.raises(UserError, match=r"class 'cat' has 2 different photo\(s\), too few"):
        split(photos(cat=2, dog=100), 0.1, 0.1)


classes = st.lists(st.lists(st.integers(1, 6), min_size=3, max_size=40), min_size=2, max_size=4)


def grouped(classes: list[list[int]]) -> pd.DataFrame:
    """Make a class of each list of group sizes."""
    rows = [
        (f"{label}/{group}-{member}.jpg", str(label), hash_of(f"{label}-{group}", member),
         hash_of(f"{label}", group))
        for label, sizes in enumerate(classes)
        for group, size in enumerate(sizes)
        for member in range(size)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["path", "label", "sha256", "group"], dtype=str)


@given(classes=classes, validation=st.floats(0.05, 0.4), test=st.floats(0.05, 0.4))
def test_any_split_keeps_its_promises(
    classes: list[list[int]], validation: float, test: float
) -> None:
    table = grouped(classes)
    splits = split(table, validation, test)
    assert sorted(splits["path"]) == sorted(table["path"])
    assert (splits.groupby("group")["split"].nunique() == 1).all()
    counts = counted(splits)
    for label, sizes in enumerate(classes):
        for name, fraction in (("validation", validation), ("test", test)):
            count, wanted = counts[(str(label), name)], sum(sizes) * fraction
            assert count >= 1
            assert abs(count - wanted) <= max(sizes)
        assert counts[(str(label), "train")] >= 1


@given(
    groups=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from(["c", "d", "cd"])), min_size=20, max_size=80
    )
)
def test_groups_of_two_labels_cost_no_class_its_fractions(groups: list[tuple[int, str]]) -> None:
    groups = [*groups, *([(1, "c")] * 9), *([(1, "d")] * 9)]
    rows = [
        (f"{group}-{label}-{member}.jpg", label, hash_of(f"{label}{group}", member), str(group))
        for group, (size, labels) in enumerate(groups)
        for label in labels
        for member in range(size)
    ]
    table = pd.DataFrame(rows, columns=["path", "label", "sha256", "group"])
    splits = split(table)
    assert (splits.groupby("group")["split"].nunique() == 1).all()
    largest = table.groupby("group").size().max()
    for label, count in table["label"].value_counts().items():
        for name in ("validation", "test"):
            assert abs(counted(splits)[(str(label), name)] - 0.2 * count) <= largest


@given(
    classes=classes,
    known=st.data(),
    seed=st.integers(0, 9),
)
def test_pinned_photos_stay_and_new_ones_follow_their_group(
    classes: list[list[int]], known: st.DataObject, seed: int
) -> None:
    table = grouped(classes)
    before = split(table, seed=seed)
    chosen = known.draw(st.sets(st.sampled_from(table["sha256"].tolist()), min_size=1))
    pinned = before[before["sha256"].isin(chosen)]
    after = split(table, seed=seed + 1, pinned=pinned)  # another seed would move what is not pinned
    merged = pinned.merge(after, on="path")
    assert (merged["split_x"] == merged["split_y"]).all()
    assert (after.groupby("group")["split"].nunique() == 1).all()


def test_adding_photos_moves_nothing() -> None:
    before = split(photos(cat=50, dog=50))
    after = split(photos(cat=90, dog=70, owl=30), pinned=before)
    merged = before.merge(after, on="path")
    assert (merged["split_x"] == merged["split_y"]).all()
    counts = counted(after)
    assert counts[("cat", "test")] == 18
    assert counts[("dog", "validation")] == 14
    assert counts[("owl", "test")] == 6


def test_groups_that_were_in_two_splits_are_counted_and_new_photos_go_to_test() -> None:
    table = photos(cat=30, dog=30)
    before = split(table)
    train, test = (before[before["split"] == name].iloc[0] for name in ("train", "test"))
    table["group"] = table["sha256"]
    joined = table["path"].isin([train["path"], test["path"]])
    before.loc[before["path"].isin([train["path"], test["path"]]), "group"] = "joined"
    new = pd.DataFrame([("cat/new.jpg", "cat", hash_of("new", 0), "joined")], columns=table.columns)
    table.loc[joined, "group"] = "joined"
    after = split(pd.concat([table, new]), pinned=before).set_index("path")
    assert after.loc["cat/new.jpg", "split"] == "test"
    assert after.loc[train["path"], "split"] == "train"
    assert summarize(after.reset_index(), before)["groups_in_two_splits"] == 1


def test_a_class_whose_photos_are_all_copies_of_another_is_split_too() -> None:
    for seed in range(20):
        table = photos(cat=100, dog=10)
        table["group"] = table["sha256"]
        table.loc[100:, "group"] = table["group"][:10].to_numpy()
        counts = counted(split(table, 0.1, 0.1, seed))
        assert min(counts["dog", name] for name in SPLITS) >= 1


def test_a_pinned_split_without_a_test_photo_is_an_error() -> None:
    before = split(photos(cat=30, dog=30), 0.04, 0.04)
    gone = before[(before["label"] == "cat") & (before["split"] == "test")]["path"]
    table = photos(cat=30, dog=30)
    with pytest.raises(UserError, match="class 'cat' has no photo for test, since split.pinned"):
        split(table[~table["path"].isin(gone)], 0.04, 0.04, pinned=before)


def test_what_a_split_did_is_counted_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    table = photos(cat=30, dog=30)
    before = split(table)
    table.loc[[0, 30], "group"] = "copies"
    table["group"] = table["group"].fillna(table["sha256"])
    after = split(table.drop(index=5), pinned=before)
    counts = summarize(after, before)
    assert counts["train"] + counts["validation"] + counts["test"] == 59
    assert (counts["groups"], counts["duplicates"], counts["groups_with_two_labels"]) == (1, 1, 1)
    assert (counts["pinned"], counts["pinned_gone"]) == (59, 1)
    report(after, before)
    assert capsys.readouterr().out.splitlines() == [
        "2 near-duplicates have different labels: cat/0.jpg, dog/0.jpg",
        "1 pinned photos are gone: cat/5.jpg",
    ]


def test_a_split_that_the_data_set_gives_is_kept() -> None:
    table = photos(cat=30, dog=30)
    table["split"] = ["train", "validation", "test"] * 20
    assert split(table)["split"].tolist() == table["split"].tolist()


@pytest.mark.parametrize("name", ["train", ""])  # a manifest may leave it open
def test_a_split_that_the_data_set_lacks_is_drawn_from_train(name: str) -> None:
    table = photos(cat=50, dog=40)
    table["split"] = ["test"] * 10 + [name] * 80
    after = split(table, validation=0.25)
    assert (after["split"] == "test").tolist() == (table["split"] == "test").tolist()
    assert after["path"].tolist() == table["path"].tolist()
    counts = counted(after)
    assert counts[("cat", "validation")] == counts[("dog", "validation")] == 10


def test_near_duplicates_of_given_test_photos_stay_in_train_and_are_listed() -> None:
    table = photos(cat=30, dog=30)
    table["split"] = ["test"] * 5 + ["train"] * 55
    table["group"] = table["sha256"]
    table.loc[5:24, "group"] = table["group"][:5].tolist() * 4
    for seed in range(5):
        after = split(table, 0.3, seed=seed)
        assert set(after["split"][5:25]) == {"train"}
        assert set(after["split"][25:30]) == {"train", "validation"}
    assert set(across_splits(after)["path"]) == {f"cat/{i}.jpg" for i in range(25)}
    counts = summarize(after, NONE)
    assert (counts["groups_in_two_splits"], counts["test_duplicates"]) == (5, 5)


def test_a_split_for_which_no_photo_is_left_is_an_error() -> None:
    table = photos(cat=6, dog=6)
    table["split"] = ["test", "train", "train"] * 4
    table["group"] = [hash_of("g", i // 3) for i in range(12)]
    with pytest.raises(UserError, match="no photo is left for validation: all are near-dup"):
        split(table)


def test_what_no_photo_of_a_given_split_shows_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = photos(cat=10, dog=10)
    table["split"] = ["test"] * 2 + ["train"] * 18
    report(split(table), NONE)
    assert capsys.readouterr().out == "test has no photo of: dog\n"


def test_a_pinned_split_beside_a_given_one_is_refused() -> None:
    table = photos(cat=10, dog=10)
    pinned = split(table)
    with pytest.raises(UserError, match=r"split\.pinned keeps .* data set gives its own split"):
        split(table.assign(split="train"), pinned=pinned)


def test_too_few_photos_name_the_parameter_that_joins_them() -> None:
    table = photos(cat=30, dog=30)
    table["group"] = table["sha256"]
    table.loc[:29, "group"] = table["group"][:2].tolist() * 15
    with pytest.raises(UserError, match=r"'cat' has 2 different .*split\.near_duplicates .*its 30"):
        split(table)


def test_an_earlier_splits_file_is_read(tmp_path: Path) -> None:
    before = split(photos(cat=10, dog=10))
    before.to_csv(tmp_path / "splits.csv", index=False)
    columns = ["path", "split", "sha256", "group", "label"]
    assert read_pinned(tmp_path / "splits.csv").equals(before[columns])
    before.drop(columns="label").to_csv(tmp_path / "bare.csv", index=False)
    assert read_pinned(tmp_path / "bare.csv").equals(before[columns[:-1]])
    assert read_pinned(ROOT / "pinned" / "none.csv").empty


HEADER, A = "path,split,sha256,group\n", "a" * 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("", "No columns"),
        ("path,label\n", "not in index"),
        (f"{HEADER}1.jpg,holdout,ab,{A}\n", "a split 'holdout'; allowed are train, valid"),
        (f"{HEADER}1.jpg,test,AB,{A}\n1.jpg,train,ab,{A}\n", "the photo with sha256 ab in two"),
        (f"{HEADER}1.jpg,test,ab,{A}\n", "a sha256 'ab', which is no hash"),
        (f"{HEADER}1.jpg,test,{A},c\n", "a group 'c', which is no hash"),
    ],
)
def test_a_wrong_pinned_file_is_one_line(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "pinned.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_pinned(path)
    assert "\n" not in str(caught.value)


def test_the_table_of_photos_is_read_as_text(tmp_path: Path) -> None:
    header = "path,label,size,sha256,phash,mirrored,split,group"
    (tmp_path / "photos.csv").write_text(f"{header}\nNA/1.jpg,NA,7,01,02,03,,NA\n")
    [row] = read_photos(tmp_path / "photos.csv").to_dict("records")
    assert row == {
        "path": "NA/1.jpg", "label": "NA", "size": 7, "sha256": "01", "phash": "02",
        "mirrored": "03", "split": "", "given_group": "NA",
    }  # fmt: skip
