from collections.abc import Iterable

import pytest

from animals10.data import layouts
from animals10.data.layouts import Member
from animals10.data.names import hidden, split_of
from animals10.errors import UserError


def files(*folders: str, count: int = 3, ending: str = ".jpg") -> list[str]:
    return [f"{folder}/{index}{ending}" for folder in folders for index in range(count)]


def read(names: Iterable[str]) -> tuple[dict[str, Member], dict[str, str]]:
    layout = layouts.read(names)
    return layout.members, layout.rejected


def labels(names: Iterable[str]) -> set[str]:
    return {member.label for member in read(names)[0].values()}


@pytest.mark.parametrize(
    "folders",
    [
        ["cat", "dog"],
        ["raw-img/cat", "raw-img/dog"],
        ["cat/2023", "cat/2024", "dog/2023", "dog/2024"],  # the same folders in each class
        ["cat/images", "dog/images"],
        ["cat/a/b/c", "cat/d", "dog"],
        ["cat/train", "dog"],  # one class has a folder of that name
    ],
)
def test_a_folder_per_class_whatever_lies_below(folders: list[str]) -> None:
    members, rejected = read(files(*folders))
    assert {member.label for member in members.values()} == {"cat", "dog"}
    assert {member.split for member in members.values()} == {""}
    assert rejected == {}


def test_a_class_may_be_called_train() -> None:
    assert labels(files("train", "car", "bus")) == {"train", "car", "bus"}
    assert labels(files("class_0", "class_1")) == {"class_0", "class_1"}
    many = {"train", "test", *"abcdef"}
    assert labels(files(*many)) == many


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Validation", "Test"),
        ("training_set", "validation_set", "test_set"),
        ("seg_train/seg_train", "seg_valid/seg_valid", "seg_test/seg_test"),
        ("train_images", "valid_images", "test_images"),
        ("images/train2017", "images/val2017", "images/test2017"),
        ("data/trainset/images", "data/valset/images", "data/testset/images"),
        ("TrainingData", "ValidationData", "TestData"),
        ("train1", "dev", "test1"),
        ("asl_alphabet_train", "asl_alphabet_val", "asl_alphabet_test"),
        ("rps", "rps-validation", "rps-test-set"),
        ("ISIC_2019_Training_Input", "Validation_Input", "Test_Input"),
        ("train_mini", "val", "test"),
    ],
)
def test_splits_under_their_usual_names_are_kept(train: str, validation: str, test: str) -> None:
    folders = [
        f"{split}/{label}" for split in (train, validation, test) for label in ("cat", "dog")
    ]
    members, rejected = read(files(*folders))
    assert rejected == {}
    assert len(members) == 18
    for name, member in members.items():
        assert member.label in name.split("/")
        (split,) = {split for split, folder in
                    (("train", train), ("validation", validation), ("test", test))
                    if f"{folder}/".endswith(name.split(member.label)[0])}  # fmt: skip
        assert member.split == split
    assert {m.split for m in members.values()} == {"train", "validation", "test"}


def test_splits_within_the_classes_are_kept() -> None:
    folders = [f"{label}/{split}" for label in ("cat", "dog") for split in ("train", "test")]
    members, _ = read(files(*folders))
    assert {tuple(name.split("/")[:2]) for name in members} == {
        (member.label, member.split) for member in members.values()
    }


def test_unlabelled_photos_within_the_classes_are_left_out() -> None:
    folders = ["cat/train", "cat/test", "dog/train", "dog/test"]
    members, rejected = read([*files(*folders), "dog/pred/1.jpg", "dog/README"])
    assert {member.split for member in members.values()} == {"train", "test"}
    assert set(rejected) == {"dog/pred/1.jpg", "dog/README"}


@pytest.mark.parametrize("test", ["test", "test1/test1", "test/unknown", "seg_pred/seg_pred"])
def test_an_unlabelled_split_is_listed_and_left_out(test: str) -> None:
    folders = [f"{split}/{label}" for split in ("train", "val") for label in ("cat", "dog")]
    members, rejected = read([*files(*folders), *files(test)])
    assert {member.split for member in members.values()} == {"train", "validation"}
    top = test.split("/")[0]
    assert rejected == dict.fromkeys(files(test), f"unlabelled: {top} has no class folders")


@pytest.mark.parametrize(
    "empty", [["test/"], ["test/", "test/cat/", "test/dog/"], ["val/", "test/"]]
)
def test_a_split_without_any_file_is_none(empty: list[str]) -> None:
    names = files("data/train/cat", "data/train/dog")
    members, rejected = read([*names, *(f"data/{name}" for name in empty)])
    assert set(members.values()) == {Member("cat"), Member("dog")}
    assert not rejected


def test_documents_within_a_split_are_no_class() -> None:
    stray = ["train/README", "train/notes/a.txt", "labels.csv"]
    members, rejected = read([*files("train/cat", "train/dog", "test/cat"), *stray])
    assert rejected == dict.fromkeys(stray, "not in a class folder")
    assert {member.label for member in members.values()} == {"cat", "dog"}


def test_a_class_that_a_split_lacks_is_no_mistake() -> None:
    members, _ = read(files("train/cat", "train/dog", "test/cat"))
    assert Member("cat", "test") in members.values()


def test_documents_beside_the_classes_are_no_class() -> None:
    stray = ["LICENSE", "notes/a.xml", "notes/deep/b.txt"]
    members, rejected = read([*files("cat", "dog"), *stray])
    assert rejected == dict.fromkeys(stray, "not in a class folder")
    assert {member.label for member in members.values()} == {"cat", "dog"}
    assert labels([*files("Images/cat", "Images/dog"), "Annotation/cat/1.xml"]) == {"cat", "dog"}


def test_an_empty_folder_and_a_folder_of_damaged_photos_are_classes() -> None:
    assert labels([*files("cat", "dog"), "bird/", "fox/1.jpg"]) == {"cat", "dog", "bird", "fox"}


def test_a_class_of_files_with_odd_endings_is_no_document() -> None:
    assert labels([*files("cat", "fox"), "dog/0", "owl/1.tga"]) == {"cat", "dog", "fox", "owl"}
    assert labels([*files("Images/cat", "Images/dog"), "Annotation/cat/n02_1"]) == {"cat", "dog"}


def test_what_may_be_meant_otherwise_is_said() -> None:
    names = files("color/a", "color/b", "grey/a", "grey/b", "color/masks")
    assert layouts.read(names).notes == [
        "each class has the same folders ('a', 'b'); the outer ones are the classes",
        "folders within classes are read as photos: 'masks'",
    ]


def test_photos_without_an_ending_are_photos() -> None:
    assert labels(files("cat", "dog", ending="")) == {"cat", "dog"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (files("photos"), "one folder of photos .'photos'., so that nothing tells"),
        (["1.jpg", "2.jpg"], "2 photos .'1.jpg', '2.jpg'. in no folder"),
        ([*files("cat", "dog"), "1.jpg"], "1 photos .'1.jpg'. beside the folders 'cat', 'dog'"),
        (files("train", "test"), r"folders of splits \(test, train\), so that nothing tells"),
        (files("train/images", "valid/images"), "folders of splits"),
        ([*files("train", "test"), "train/_annotations.coco.json"], "annotations of objects .'tr"),
        ([*files("images"), *files("labels", ending=".txt")], "annotations of objects .'labels/0"),
        ([*files("JPEGImages"), *files("Annotations", ending=".xml")], "annotations of objects"),
        (files("images", "masks"), "photos and their annotations .'images', 'masks'"),
        (
            files("fold1/cat", "fold1/dog", "fold2/cat", "fold2/dog"),
            "'fold1', 'fold2', which look like",
        ),
        (files("part_1/cat", "part_1/dog", "part_2/cat", "part_2/dog"), "look like folds or piec"),
        (files("pics/cat", "pics/dog", "data/pics/cat", "data/pics/dog"), "'pics' and, inside 'd"),
        (files("cat", "dog", "copy/cat", "copy/dog"), "a data set inside itself"),
        (files("train/cat", "train/dog", "test/cat", "more/cat"), "but also 'more'"),
        (files("train", "test", "sample"), "but also 'sample'"),
        (files("Training/cat", "Training/dog", "Pruebas/cat", "Pruebas/dog"), "but also 'Pruebas'"),
        (files("Train and val/a", "Train and val/b", "test/a", "test/b"), "look like splits"),
        (files("New/New/train/a", "New/New/valid/a", "test"), "splits inside 'New/New' alone"),
        (files("HAM_part_1", "HAM_part_2"), "look like folds or pieces"),
        (files("1st_fold/cat", "1st_fold/dog", "2nd_fold/cat"), "look like folds or pieces"),
        ([*files("train/cat", "train/dog", "test/cat"), "train/1.jpg"], "photos in train"),
        (files("train/cat", "train/dog", "test/cat", "test/fox"), "classes in test that .*'fox'"),
        (files("val/cat", "val/dog", "test/cat", "test/dog"), "folders of splits"),
        ([*files("cat/train", "cat/test", "dog/train"), "dog/9.jpg"], "but in 'dog' photos or"),
        (files("cat/train", "cat/test", "dog/train", "dog/more"), "but in 'dog' photos or other"),
        (files("Cat", "cat"), "'Cat' and 'cat' differ only by case"),
        (files("cat", "cat "), "'cat' and 'cat ' differ only by case or spaces"),
        (files("train/cat", "train/dog", "test/Cat", "test/dog"), "classes 'Cat' and 'cat'"),
        (files("train/cat", "train/dog", "test/Cat"), "classes 'Cat' and 'cat' differ only by"),
        (files("cat", "dog", ending=".zip"), "has archives inside .'cat/0.zip'"),
    ],
)
def test_what_is_ambiguous_is_refused_in_a_line(names: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(names)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("valid", "validation"), ("Test_Set", "test"), ("val2", "validation"),
        ("crash_test", ""), ("trainee", ""), ("train_val", ""), ("latest", ""), ("images", ""),
        ("", ""), ("猫", ""),
    ],
)  # fmt: skip
def test_names_of_splits(name: str, split: str) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize("folder", ["__MACOSX", "@eaDir", "#recycle", "lost+found", ".cache"])
def test_what_a_system_leaves_is_no_class(folder: str) -> None:
    assert hidden(f"photos/{folder}/cat/1.jpg")
    assert not hidden("photos/recycle/1.jpg")
