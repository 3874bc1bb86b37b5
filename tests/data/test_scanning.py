import shutil
from functools import partial
from pathlib import Path

import pytest
from conftest import picture

from animals10 import files
from animals10.data.archives import Entry
from animals10.data.layouts import Member
from animals10.data.scanning import ScanResult, scan, summary
from animals10.data.sources import list_folder, open_source
from animals10.errors import UserError
from animals10.parameters import Fetch


def entries_of(files: dict[str, bytes]) -> list[Entry]:
    return [Entry(name, partial(bytes, content)) for name, content in sorted(files.items())]


def scanned(
    files: dict[str, bytes], *more: Entry, members: dict[str, Member] | None = None
) -> tuple[dict[str, bytes], ScanResult]:
    result = ScanResult()
    kept = dict(scan([*entries_of(files), *more], 24, result, members))
    assert [photo.path for photo in result.photos] == list(kept)
    return kept, result


def two_classes(prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{name}/{i}.jpg": picture(i) for name in ("cat", "dog") for i in range(3)}


@pytest.mark.parametrize("prefix", ["", "raw-img/", "archive/raw-img/", "./"])
def test_photos_pass_unchanged_in_any_wrapper(prefix: str) -> None:
    bad = {"cat/b.jpg": b"<html>", "cat/.hidden": b"x", ".DS_Store": b"x"}
    files = {prefix + name: content for name, content in (two_classes() | bad).items()}
    kept, result = scanned(files | {"translate.py": b"x"})
    assert kept == two_classes()
    assert {name for name, _ in result.rejected} == {*bad, "translate.py"}


def test_wrappers_that_are_listed_and_hold_stray_files_are_found() -> None:
    folders = dict.fromkeys(["a/", "a/raw-img/", "a/raw-img/cat/", "a/raw-img/dog/"], b"")
    stray = {"LICENSE": b"x", "a/LICENSE": b"x", "a/raw-img/notes.txt": b"x"}
    kept, result = scanned(two_classes("a/raw-img/") | folders | stray)
    assert kept == two_classes()
    names = ["LICENSE", "a/LICENSE", "notes.txt"]
    assert dict(result.rejected) == dict.fromkeys(names, "not in a class folder")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("cat/a\rb\n.jpg", "cat/a\\x0db\\x0a.jpg"),
        ("cat/cafe\u0301.jpg", "cat/caf\u00e9.jpg"),
        ("cat/\udcff.jpg", "cat/\\udcff.jpg"),
        ("cat/indoor/9.jpg", "cat/indoor/9.jpg"),
    ],
)
def test_names_are_written_readably_in_one_line(given: str, written: str) -> None:
    assert written in scanned(two_classes() | {given: picture(7)})[0]


def test_a_folder_and_archives_of_it_give_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    (photos / "cat" / "broken.jpg").write_bytes(b"<html>")
    (photos / "caf\u00e9").mkdir()
    (photos / "caf\u00e9" / "1.png").write_bytes(picture(7, kind="PNG"))
    (photos / "LICENSE").write_bytes(b"x")
    shutil.make_archive(str(tmp_path / "a"), "zip", photos.parent, photos.name)
    shutil.make_archive(str(tmp_path / "b"), "gztar", photos)
    results = set()
    for source in (photos, tmp_path / "a.zip", tmp_path / "b.tar.gz"):
        fetch = Fetch(source=str(source), manifest=None, seed=1, images_per_class=3, sha256=None,
                      smallest_side=24)  # fmt: skip
        result = ScanResult()
        with open_source(fetch) as entries:
            files.write_zip(tmp_path / "photos.zip", scan(entries, 24, result))
        content = (tmp_path / "photos.zip").read_bytes()
        results.add((content, tuple(result.photos), tuple(result.rejected)))
    assert len(results) == 1


def test_a_wrapped_folder_is_no_file(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "w" / "raw").mkdir(parents=True)
    photos.rename(tmp_path / "w" / "raw" / "photos")
    result = ScanResult()
    list(scan(list_folder(tmp_path / "w"), 24, result))
    assert (len(result.photos), result.rejected) == (12, [])


def test_the_users_files_are_left_as_they_are(photos: Path) -> None:
    def state() -> list[tuple[Path, int, bytes]]:
        found = sorted(path for path in photos.rglob("*") if path.is_file())
        return [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in found]

    (photos / "cat" / "broken.jpg").write_bytes(b"<html>")
    before = state()
    list(scan(list_folder(photos), 24, ScanResult()))
    assert state() == before


def test_every_other_file_is_rejected_with_a_reason() -> None:
    def fail() -> bytes:
        raise PermissionError(13, "Permission denied")

    bad = {
        "cat/a.jpg": (b"", "empty file"),
        "cat/b.jpg": (b"<html>", "not an image: HTML page"),
        "cat/c.jpg": (b"<html>", "not an image: HTML page"),
        "cat/tiny.png": (picture(1, (60, 20), "PNG"), "too small: 60 x 20 pixels; a side needs 24"),
        "notes.txt": (b"x", "not in a class folder"),
        ".ipynb_checkpoints/1.jpg": (picture(9), "hidden file or folder"),
        "cat/.ipynb_checkpoints/2.jpg": (picture(9), "hidden file or folder"),
        f"cat/{'a/' * 2000}1.jpg": (picture(9), "in more than 100 folders"),
    }
    kept, result = scanned(
        two_classes() | {name: content for name, (content, _) in bad.items()},
        Entry("cat/0.jpg", bytes),
        Entry("dog/movie.jpg", bytes, 2**29),
        Entry("dog/secret.jpg", fail),
    )
    assert kept == two_classes()
    assert dict(result.rejected) == {name: reason for name, (_, reason) in bad.items()} | {
        "cat/0.jpg": "name occurs twice",
        "dog/movie.jpg": "larger than 256 MiB",
        "dog/secret.jpg": "cannot be read: Permission denied",
    }
    last = summary(result)[-1]
    assert last.startswith("11 files are no usable photos: 2 ")
    assert "2 not an image: HTML page; " in last
    assert "1 too small" in last


def test_a_damaged_photo_is_rejected() -> None:
    _, result = scanned(two_classes() | {"dog/c.jpg": picture(1)[:300]})
    ((name, reason),) = result.rejected
    assert name == "dog/c.jpg"
    assert reason.startswith("damaged image")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (two_classes() | {"bird/": b""}, "class 'bird' has no usable photo .*its folder is empty"),
        (two_classes() | {"bird/1.jpg": b"no"}, "class 'bird' has no .*; bird/1.jpg: not an image"),
        ({"raw-img/cat/1.jpg": picture(1)}, r"has 1 class\(es\): cat; at least 2"),
        ({"LICENSE": b"x"}, r"has 0 class\(es\)"),
    ],
)
def test_too_few_classes_and_empty_ones_are_an_error(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        scanned(files)


def test_a_split_that_the_data_set_gives_is_kept() -> None:
    names = {f"{split}/{name}": content for split in ("test", "train")
             for name, content in two_classes().items()}  # fmt: skip
    _, result = scanned(names)
    assert {(photo.path, photo.label, photo.split) for photo in result.photos} == {
        (name, name.split("/")[1], name.split("/")[0]) for name in names
    }
    assert summary(result) == ["cat 6; dog 6", "the data set gives its own split: 6 test, 6 train"]


def test_a_manifest_says_what_photos_are() -> None:
    members = {
        f"{i}.jpg": Member(("cat", "dog")[i % 2], "train", f"herd {i // 2}") for i in range(5)
    }
    _, result = scanned({f"all/{i}.jpg": picture(i) for i in range(6)}, members=members)
    assert {photo.path.removeprefix("all/"): Member(photo.label, photo.split, photo.group)
            for photo in result.photos} == members  # fmt: skip
    assert result.rejected == [("all/5.jpg", "not in the manifest")]
