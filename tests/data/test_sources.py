import hashlib
import http.server
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from animals10.data.sources import open_source
from animals10.errors import UserError
from animals10.parameters import Fetch


def parameters(source: str, **changes: Any) -> Fetch:
    defaults = {"images_per_class": 3, "seed": 1, "sha256": None, "smallest_side": 1}
    return Fetch(source=source, manifest=None, **{**defaults, **changes})


def contents(source: str, **changes: Any) -> dict[str, bytes]:
    with open_source(parameters(source, **changes)) as entries:
        return {entry.name: entry.read() for entry in entries if not entry.name.endswith("/")}


@pytest.fixture
def archive(photos: Path) -> Path:
    path = photos.parent / "photos.zip"
    with zipfile.ZipFile(path, "w") as file:
        for photo in sorted(photos.rglob("*.jpg")):
            file.write(photo, photo.relative_to(photos))
    return path


@pytest.fixture
def server(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(archive.parent)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(archive.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_folder_zip_tar_and_url_give_the_same(photos: Path, archive: Path, server: str) -> None:
    tar = photos.parent / "photos.tar.gz"
    with tarfile.open(tar, "w:gz") as file:
        file.add(photos, ".")
    expected = contents(str(photos))
    assert len(expected) == 12
    assert contents(str(archive)) == expected
    assert {name.removeprefix("./"): data for name, data in contents(str(tar)).items()} == expected
    assert contents(f"{server}/photos.zip") == expected


def test_a_download_that_was_used_is_removed(server: str, archive: Path) -> None:
    contents(f"{server}/photos.zip")
    assert [path.name for path in (archive.parent / ".downloads").iterdir()] == ["lock"]


def test_a_download_is_kept_when_its_user_fails(server: str, archive: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_source(parameters(f"{server}/photos.zip")):
        raise ZeroDivisionError
    (kept,) = (archive.parent / ".downloads").glob("*.part")
    assert kept.read_bytes() == archive.read_bytes()


def test_a_download_that_is_no_archive_is_not_kept(server: str, archive: Path) -> None:
    good = archive.read_bytes()
    archive.write_bytes(b"PK\3\4 rotten")
    url = f"{server}/photos.zip?token=secret"
    with pytest.raises(UserError, match="not a readable zip or tar") as caught:
        contents(url)
    assert "secret" not in str(caught.value)
    assert not list((archive.parent / ".downloads").glob("*.part"))
    archive.write_bytes(good)
    assert len(contents(url)) == 12


def test_a_sha256_of_a_folder_is_a_mistake(photos: Path) -> None:
    with pytest.raises(UserError, match="fetch.sha256 is that of an archive"):
        contents(str(photos), sha256="0" * 64)


def test_the_sha256_of_an_archive_is_checked(archive: Path, server: str) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    for source in (str(archive), f"{server}/photos.zip"):
        with pytest.raises(UserError, match=f"sha256 of the archive is {digest}, not 0{{64}} as"):
            contents(source, sha256="0" * 64)
        assert not list((archive.parent / ".downloads").glob("*.part"))
        assert len(contents(source, sha256=digest.upper())) == 12


def test_the_sample_is_the_same_for_the_same_seed_only() -> None:
    first = contents("sample")
    assert len(first) == 30
    assert contents("sample") == first
    assert contents("sample", seed=2) != first
    more = contents("sample", images_per_class=4)
    assert first.items() <= more.items()


@pytest.mark.parametrize("source", ["/nowhere", "~nosuchuser/photos"])
def test_a_source_that_does_not_exist_is_named(source: str) -> None:
    with pytest.raises(UserError, match=f"'{source}' does not exist; give sample, kaggle"):
        contents(source)


def test_relative_paths_are_found_from_a_temporary_copy(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = photos.parent / ".dvc" / "tmp" / "exps" / "copy"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert len(contents("photos")) == 12


def test_linked_class_folders_are_read(photos: Path) -> None:
    links = photos.parent / "links"
    links.mkdir()
    for name in ("cat", "dog"):
        (links / name).symlink_to(photos / name)
    assert contents(str(links)) == contents(str(photos))


def test_a_folder_that_links_to_one_above_is_read_once(photos: Path) -> None:
    expected = contents(str(photos))
    (photos / "cat" / "up").symlink_to(photos)
    (photos / "dog" / "self").symlink_to(photos / "dog")
    assert contents(str(photos)) == expected


def test_a_broken_link_and_a_pipe_are_no_files(photos: Path) -> None:
    (photos / "cat" / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(photos / "cat" / "pipe.jpg")
    with open_source(parameters(str(photos))) as entries:
        for name in ("cat/gone.jpg", "cat/pipe.jpg"):
            (entry,) = [entry for entry in entries if entry.name == name]
            with pytest.raises(OSError, match="a broken link, or no ordinary file"):
                entry.read()
