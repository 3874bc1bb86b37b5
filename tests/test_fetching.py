import shutil
from functools import partial
from pathlib import Path

import pytest
from conftest import picture

from animals10 import artifacts
from animals10.archives import Entry
from animals10.errors import UserError
from animals10.fetching import Verdicts, judge, summary
from animals10.layouts import Member
from animals10.parameters import Fetch
from animals10.sources import list_folder, open_source


def fetch(files: dict[str, bytes], smallest: int = 24) -> tuple[dict[str, bytes], dict[str, str]]:
    entries = [Entry(name, partial(bytes, content)) for name, content in sorted(files.items())]
    verdicts = Verdicts()
    kept = dict(judge(entries, smallest, verdicts))
    assert [photo.path for photo in verdicts.photos] == list(kept)
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


def test_wrappers_that_are_listed_and_hold_stray_files_are_found() -> None:
    folders = dict.fromkeys(["a/", "a/raw-img/", "a/raw-img/cat/", "a/raw-img/dog/"], b"")
    stray = {"LICENSE": b"x", "a/LICENSE": b"x", "a/raw-img/notes.txt": b"x"}
    kept, rejected = fetch(two_classes("a/raw-img/") | folders | stray)
    assert kept == two_classes()
    names = ["LICENSE", "a/LICENSE", "notes.txt"]
    assert rejected == dict.fromkeys(names, "not in a class folder")


def test_a_folder_that_each_class_has_is_no_split() -> None:
    files = {f"{label}/images/{i}.jpg": picture(i) for label in ("cat", "dog") for i in range(3)}
    kept, _ = fetch(files)
    assert kept == files


def test_names_with_ends_of_lines_are_written_in_one_line() -> None:
    kept, _ = fetch(two_classes() | {"cat/a\rb\n.jpg": picture(7)})
    assert "cat/a\\x0db\\x0a.jpg" in kept


def test_a_folder_and_archives_of_it_give_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    (photos / "cat" / "broken.jpg").write_bytes(b"<html>")
    (photos / "caf\u00e9").mkdir()
    (photos / "caf\u00e9" / "1.png").write_bytes(picture(7, kind="PNG"))
    (photos / "LICENSE").write_bytes(b"x")
    shutil.make_archive(str(tmp_path / "a"), "zip", photos.parent, photos.name)
    shutil.make_archive(str(tmp_path / "b"), "gztar", photos)
    results = set()
    for source in (photos, tmp_path / "a.zip", tmp_path / "b.tar.gz"):
        fetch = Fetch(
            source=str(source),
            manifest=None,
            seed=1,
            images_per_class=3,
            sha256=None,
            smallest_side=24,
        )
        verdicts = Verdicts()
        with open_source(fetch) as entries:
            artifacts.write_zip(tmp_path / "photos.zip", judge(entries, 24, verdicts))
        content = (tmp_path / "photos.zip").read_bytes()
        results.add((content, tuple(verdicts.photos), tuple(verdicts.rejected)))
    assert len(results) == 1


def test_a_wrapped_folder_is_no_file(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "w" / "raw").mkdir(parents=True)
    photos.rename(tmp_path / "w" / "raw" / "photos")
    verdicts = Verdicts()
    list(judge(list_folder(tmp_path / "w"), 24, verdicts))
    assert (len(verdicts.photos), verdicts.rejected) == (12, [])


def test_the_users_files_are_left_as_they_are(photos: Path) -> None:
    def state() -> list[tuple[Path, int, bytes]]:
        files = sorted(path for path in photos.rglob("*") if path.is_file())
        return [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files]

    (photos / "cat" / "broken.jpg").write_bytes(b"<html>")
    before = state()
    fetch = Fetch(
        source=str(photos), manifest=None, seed=1, images_per_class=3, sha256=None, smallest_side=24
    )
    with open_source(fetch) as entries:
        list(judge(entries, 24, Verdicts()))
    assert state() == before


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
    assert rejected["cat/b.jpg"] == "not an image: HTML page"
    assert rejected["dog/c.jpg"].startswith("damaged image")
    assert rejected["notes.txt"] == "not in a class folder"


@pytest.mark.parametrize("prefix", ["", "raw-img/", "archive/raw-img/"])
def test_rejected_files_have_the_same_names_in_any_wrapper(prefix: str) -> None:
    bad = {"cat/b.jpg": b"<html>", "cat/.hidden": b"x", ".DS_Store": b"x"}
    files = {prefix + name: data for name, data in (two_classes() | bad).items()}
    _, rejected = fetch(files)
    assert set(rejected) == set(bad)


def test_small_and_huge_files_are_rejected() -> None:
    bad = {"cat/tiny.png": picture(1, (60, 20), "PNG")}
    entries = [Entry(n, partial(bytes, c)) for n, c in sorted((two_classes() | bad).items())]
    verdicts = Verdicts()
    list(judge([*entries, Entry("dog/movie.jpg", bytes, 2**29)], 24, verdicts))
    assert dict(verdicts.rejected) == {
        "cat/tiny.png": "too small: 60 x 20 pixels",
        "dog/movie.jpg": "larger than 256 MiB",
    }


def test_names_in_other_forms_are_written_in_one() -> None:
    decomposed = {f"cafe\u0301/{i}.jpg": picture(i) for i in range(3)}
    kept, _ = fetch(two_classes() | decomposed)
    assert "caf\u00e9/0.jpg" in kept


def test_names_that_are_no_unicode_are_kept_readable() -> None:
    kept, _ = fetch(two_classes() | {"cat/\udcff.jpg": picture(7)})
    assert "cat/\\udcff.jpg" in kept


def test_a_file_that_cannot_be_read_is_rejected() -> None:
    def fail() -> bytes:
        raise PermissionError(13, "Permission denied")

    entries = [Entry(n, partial(bytes, c)) for n, c in sorted(two_classes().items())]
    verdicts = Verdicts()
    list(judge([*entries, Entry("dog/secret.jpg", fail)], 24, verdicts))
    assert verdicts.rejected == [("dog/secret.jpg", "cannot be read: Permission denied")]


def test_the_same_name_twice_is_kept_once() -> None:
    entries = [Entry(name, partial(bytes, data)) for name, data in sorted(two_classes().items())]
    verdicts = Verdicts()
    assert len(dict(judge([*entries, entries[0]], 24, verdicts))) == 6
    assert verdicts.rejected == [("cat/0.jpg", "name occurs twice")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"bird/": b""}, "class 'bird' has no usable photo .*; its folder is empty"),
        ({"bird/1.jpg": b"no"}, "class 'bird' has no usable photo .*; bird/1.jpg: not an image"),
    ],
)
def test_an_empty_class_is_an_error(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fetch(two_classes() | files)


def test_folders_within_a_class_belong_to_it() -> None:
    kept, _ = fetch(two_classes() | {"cat/indoor/9.jpg": picture(9)})
    assert "cat/indoor/9.jpg" in kept


def test_one_class_is_an_error() -> None:
    with pytest.raises(UserError, match=r"has 1 class\(es\): cat; at least 2"):
        fetch({"raw-img/cat/1.jpg": picture(1)})


def test_no_class_is_an_error() -> None:
    with pytest.raises(UserError, match=r"has 0 class\(es\)"):
        fetch({"LICENSE": b"x"})


def test_a_split_that_the_data_set_gives_is_kept() -> None:
    files = {f"{split}/{name}": data for split in ("test", "train")
             for name, data in two_classes().items()}  # fmt: skip
    verdicts = Verdicts()
    list(judge([Entry(n, partial(bytes, c)) for n, c in sorted(files.items())], 24, verdicts))
    assert {(photo.path, photo.label, photo.split) for photo in verdicts.photos} == {
        (name, name.split("/")[1], name.split("/")[0]) for name in files
    }
    assert summary(verdicts) == [
        "cat 6; dog 6", "the data set gives its own split: 6 test, 6 train"
    ]  # fmt: skip


def test_a_manifest_says_what_photos_are() -> None:
    files = {f"all/{i}.jpg": picture(i) for i in range(6)}
    verdicts = Verdicts()
    entries = [Entry(name, partial(bytes, content)) for name, content in files.items()]
    members = {
        f"{i}.jpg": Member(("cat", "dog")[i % 2], "train", f"herd {i // 2}") for i in range(5)
    }
    list(judge(entries, 24, verdicts, members))
    assert [
        (photo.path, *members[photo.path.removeprefix("all/")]) for photo in verdicts.photos
    ] == [(photo.path, photo.label, photo.split, photo.group) for photo in verdicts.photos]
    assert verdicts.rejected == [("all/5.jpg", "not in the manifest")]


def test_files_that_are_no_photos_are_counted_by_reason() -> None:
    bad = {"cat/a.jpg": b"<html>", "cat/b.jpg": b"<html>", "cat/c.jpg": b"", "README": b"x"}
    entries = [Entry(n, partial(bytes, c)) for n, c in sorted((two_classes() | bad).items())]
    verdicts = Verdicts()
    list(judge(entries, 24, verdicts))
    told = summary(verdicts)[-1]
    assert told.startswith("4 files are no usable photos: 2 not an image: HTML page; ")
    assert "1 empty file" in told
    assert "1 not in a class folder" in told
