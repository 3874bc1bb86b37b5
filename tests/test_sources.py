import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from animals10.errors import UserError
from animals10.sources import open_source


def contents(source: str, images_per_class: int = 3, seed: int = 1) -> dict[str, bytes]:
    with open_source(source, images_per_class, seed) as entries:
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


def test_a_download_leaves_nothing_behind(server: str, archive: Path) -> None:
    contents(f"{server}/photos.zip")
    assert not list((archive.parent / "data").iterdir())


def test_a_missing_page_is_one_line(server: str) -> None:
    with pytest.raises(UserError, match="cannot be downloaded: 404"):
        contents(f"{server}/none.zip")


def test_a_page_that_is_no_archive_is_one_line(server: str, archive: Path) -> None:
    (archive.parent / "page.zip").write_text("<html>sign in</html>")
    with pytest.raises(UserError, match="not a readable zip or tar"):
        contents(f"{server}/page.zip")


def test_the_sample_is_the_same_for_the_same_seed_only() -> None:
    first = contents("sample")
    assert len(first) == 30
    assert contents("sample") == first
    assert contents("sample", seed=2) != first
    more = contents("sample", images_per_class=4)
    assert first.items() <= more.items()


def test_a_source_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'/nowhere' does not exist; give sample, kaggle"):
        contents("/nowhere")


def test_relative_paths_are_found_from_a_temporary_copy(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = photos.parent / ".dvc" / "tmp" / "exps" / "copy"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert len(contents("photos")) == 12


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_damaged_archive_is_one_line(kind: str, photos: Path) -> None:
    path = photos.parent / f"damaged.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("cat/1.txt", "some text " * 1000)
    else:
        with tarfile.open(path, "w:gz") as file:
            file.add(photos, ".")
    content = bytearray(path.read_bytes())
    content[60:70] = b"\xff" * 10
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a readable zip or tar") as caught:
        contents(str(path))
    assert "\n" not in str(caught.value)


def test_linked_class_folders_are_read(photos: Path) -> None:
    links = photos.parent / "links"
    links.mkdir()
    for name in ("cat", "dog"):
        (links / name).symlink_to(photos / name)
    assert contents(str(links)) == contents(str(photos))


def test_an_encrypted_archive_is_refused(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    # Bit 0 of the flags, in the first local header and in the first central one.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(UserError, match="is encrypted"):
        contents(str(archive))


def test_hard_links_in_a_tar_are_the_files_they_link_to(tmp_path: Path) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as file:
        good = tarfile.TarInfo("cat/1.jpg")
        good.size = 3
        file.addfile(good, io.BytesIO(b"abc"))
        for name, target in (("cat/2.jpg", "cat/1.jpg"), ("cat/3.jpg", "elsewhere.jpg")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.LNKTYPE, target
            file.addfile(link)
    expected = {"cat/1.jpg": b"abc", "cat/2.jpg": b"abc", "cat/3.jpg": b""}
    assert contents(str(path)) == expected


def test_symbolic_links_and_devices_in_a_tar_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as file:
        link = tarfile.TarInfo("cat/passwd.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
        good = tarfile.TarInfo("cat/1.jpg")
        good.size = 3
        file.addfile(good, io.BytesIO(b"abc"))
    assert contents(str(path)) == {"cat/1.jpg": b"abc"}
