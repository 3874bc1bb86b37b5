from functools import partial

import pytest
from conftest import picture

from animals10.errors import UserError
from animals10.fetching import Verdicts, judge
from animals10.sources import Entry


def fetch(files: dict[str, bytes]) -> tuple[dict[str, bytes], dict[str, str]]:
    entries = [Entry(name, partial(bytes, content)) for name, content in sorted(files.items())]
    verdicts = Verdicts()
    kept = dict(judge(entries, verdicts))
    return kept, dict(verdicts.rejected)


def two_classes(prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{name}/{i}.jpg": picture(i) for name in ("cat", "dog") for i in range(3)}


def test_photos_pass_unchanged() -> None:
    kept, rejected = fetch(two_classes())
    assert kept == two_classes()
    assert rejected == {}


@pytest.mark.parametrize("prefix", ["raw-img/", "archive/raw-img/", "./"])
def test_wrappers_are_found(prefix: str) -> None:
    kept, _ = fetch(two_classes(prefix) | {"translate.py": b"x"})
    assert kept == two_classes()


def test_a_stray_checkpoint_folder_is_no_class() -> None:
    stray = {".ipynb_checkpoints/1.jpg": picture(9), "cat/.ipynb_checkpoints/2.jpg": picture(9)}
    kept, rejected = fetch(two_classes() | stray)
    assert kept == two_classes()
    assert rejected == dict.fromkeys(stray, "hidden file or folder")


def test_every_other_file_is_rejected_with_a_reason() -> None:
    bad = {
        "cat/a.jpg": b"",
        "cat/b.jpg": b"<html>",
        "dog/c.jpg": picture(1)[:300],
        "notes.txt": b"x",
    }
    kept, rejected = fetch(two_classes() | bad)
    assert kept == two_classes()
    assert rejected["cat/a.jpg"] == "empty file"
    assert rejected["cat/b.jpg"] == "not an image"
    assert rejected["dog/c.jpg"].startswith("damaged image")
    assert rejected["notes.txt"] == "not in a class folder"


def test_the_same_name_twice_is_kept_once() -> None:
    entries = [Entry(name, partial(bytes, data)) for name, data in sorted(two_classes().items())]
    verdicts = Verdicts()
    assert len(dict(judge([*entries, entries[0]], verdicts))) == 6
    assert verdicts.rejected == [("cat/0.jpg", "name occurs twice")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"bird/": b""}, "class 'bird' has no usable photo"),
        ({"bird/1.jpg": b"no"}, "class 'bird' has no usable photo"),
    ],
)
def test_an_empty_class_is_an_error(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fetch(two_classes() | files)


def test_a_source_that_is_split_already_is_refused() -> None:
    files = {f"{split}/{name}": data for split in ("test", "train")
             for name, data in two_classes().items()}  # fmt: skip
    with pytest.raises(UserError, match="split already: test, train each have a folder 'cat'"):
        fetch(files)


def test_folders_within_a_class_belong_to_it() -> None:
    kept, _ = fetch(two_classes() | {"cat/indoor/9.jpg": picture(9)})
    assert "cat/indoor/9.jpg" in kept


def test_one_class_is_an_error() -> None:
    with pytest.raises(UserError, match=r"has 1 class\(es\): cat; at least 2"):
        fetch({"raw-img/cat/1.jpg": picture(1)})


def test_no_class_is_an_error() -> None:
    with pytest.raises(UserError, match=r"has 0 class\(es\)"):
        fetch({"1.jpg": picture(1)})
