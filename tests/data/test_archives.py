import contextlib
import gzip
import io
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import picture
from hypothesis import given
from hypothesis import strategies as st

from animals10.data import archives
from animals10.data.archives import open_archive
from animals10.errors import UserError

Pack = Callable[[list[tuple[str, bytes]]], bytes]


def packed_zip(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with (
        warnings.catch_warnings(action="ignore"),  # of names that occur twice
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, content in members:
            member = zipfile.ZipInfo("x")
            member.filename = name  # as it is: the constructor mends some names
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def packed_tar(members: list[tuple[str, bytes]], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


PACKERS: list[Pack] = [packed_zip, packed_tar, lambda members: packed_tar(members, "w:gz")]


def unpacked(archive: bytes) -> dict[str, bytes]:
    with open_archive(io.BytesIO(archive), "photos.zip") as entries:
        return {entry.name: entry.read() for entry in entries}


@pytest.mark.parametrize("pack", PACKERS)
def test_members_come_sorted_and_whole(pack: Pack) -> None:
    members = [("dog/1.jpg", picture(1)), ("cat/2.jpg", picture(2)), ("cat/1.jpg", b"")]
    assert unpacked(pack(members)) == dict(members)
    assert list(unpacked(pack(members))) == sorted(name for name, _ in members)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz", "w"])
def test_every_compression_of_a_tar_is_read(mode: str) -> None:
    assert unpacked(packed_tar([("a/1", b"abc")], mode)) == {"a/1": b"abc"}


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["/etc/passwd"], "'/etc/passwd' is no relative path"),
        (["C:/cat/1.jpg"], "begins as a drive of Windows does; .*change that"),
        (["cat/a\\1.jpg"], "is no relative path"),
        (["cat/../../1.jpg"], r"leads out of the archive by '\.\.'"),
        (["cat/1.jpg", "cat/1.jpg"], "'cat/1.jpg' occurs twice"),
        (["cat/1.jpg", "./cat/1.jpg"], "occurs twice"),
        (["cat/a.jpg", "cat/A.jpg"], "'cat/A.jpg' and 'cat/a.jpg' are one name on disks"),
        (["cat/1.jpg", "Cat/2.jpg"], "'Cat/' and 'cat/' are one name on disks"),
        (["caf\u00e9/1.jpg", "cafe\u0301/2.jpg"], "are one name on disks"),
        (["stra\u00dfe/1.jpg", "STRASSE/2.jpg"], "are one name on disks"),
        (["cat", "cat/1.jpg"], "'cat/' and 'cat' are one name on disks"),
        (["a/" * 20_000 + "1.jpg"], "is in more than 100 folders"),
    ],
)
def test_names_that_lead_astray_are_refused(pack: Pack, names: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        unpacked(pack([(name, b"x") for name in names]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_are_refused(kind: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("cat/passwd.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(UserError, match=r"'cat/passwd\.jpg' is a link or a device"):
        unpacked(buffer.getvalue())


def test_links_in_a_zip_are_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("cat/passwd.jpg")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(UserError, match=r"'cat/passwd\.jpg' is a link or a device"):
        unpacked(buffer.getvalue())


def test_an_encrypted_zip_is_refused() -> None:
    content = bytearray(packed_zip([("cat/1.jpg", b"x")]))
    # Bit 0 of the flags, in the local header and in the central one.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UserError, match=r"'cat/1\.jpg' is encrypted"):
        unpacked(bytes(content))


@pytest.mark.parametrize("pack", PACKERS[::2])
def test_a_bomb_is_refused_by_its_ratio(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_HARMLESS", 10_000)
    members = [(f"cat/{index}.jpg", bytes(1_000_000)) for index in range(3)]
    with pytest.raises(UserError, match="brings the unpacked size over .* bytes: a bomb"):
        unpacked(pack(members))


def test_an_archive_is_refused_by_its_total_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST_TOTAL", 10_000)
    with pytest.raises(UserError, match="over 10,000 bytes: a bomb"):
        unpacked(packed_tar([("cat/1.jpg", bytes(6_000)), ("cat/2.jpg", bytes(6_000))]))


def test_a_tar_bomb_is_refused_before_it_is_unpacked() -> None:
    member = tarfile.TarInfo("cat/1.jpg")
    member.size = 2**40  # and nothing follows
    with pytest.raises(UserError, match="a bomb"):
        unpacked(member.tobuf())


def test_a_zip_that_lies_about_a_size_is_damaged() -> None:
    content = bytearray(packed_zip([("cat/1.jpg", bytes(range(256)) * 40)]))
    central = content.index(b"PK\x01\x02")
    content[central + 24 : central + 28] = (100).to_bytes(4, "little")
    with pytest.raises(UserError, match="not a readable zip or tar"):
        unpacked(bytes(content))


@pytest.mark.parametrize("pack", PACKERS[::2])
def test_a_damaged_archive_is_one_line(pack: Pack) -> None:
    content = bytearray(pack([("cat/1.txt", b"some text " * 1000)]))
    content[45:55] = b"\xff" * 10
    with pytest.raises(UserError, match="not a readable zip or tar") as caught:
        unpacked(bytes(content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_is_damaged_or_cut_between_members_is_no_shorter_tar(mode: str) -> None:
    plain = bytearray(packed_tar([("cat/1.jpg", b"x"), ("dog/1.jpg", b"x")]))
    for damaged in (plain[:1024], plain[:1030] + b"?" + plain[1031:]):
        content = bytes(damaged) if mode == "w" else gzip.compress(damaged)
        with pytest.raises(UserError, match="not a readable zip or tar"):
            unpacked(content)


def test_a_tar_that_ends_in_a_zip_is_a_tar() -> None:
    members = [("cat/1.jpg", b"x"), ("dog/notes.zip", packed_zip([("evil/1.jpg", b"x")]))]
    assert unpacked(packed_tar(members)) == dict(members)


def test_compression_that_cannot_be_bounded_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("cat/1.jpg", bytes(10**6))
    with pytest.raises(UserError, match=r"packed in an unusual way \(zip's method 12; allowed"):
        unpacked(buffer.getvalue())


def test_an_empty_file_is_called_so() -> None:
    with pytest.raises(UserError, match="^photos.zip is empty: 0 bytes; "):
        unpacked(b"")


def test_a_header_that_is_a_bomb_is_refused() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("cat/1.jpg")
        member.pax_headers = {"comment": "x" * 2**22}
        archive.addfile(member)
    with pytest.raises(UserError, match="not a readable zip or tar"):
        unpacked(buffer.getvalue())


def test_a_tar_member_of_many_headers_is_damaged() -> None:
    header = tarfile.TarInfo.create_pax_global_header({"comment": "x"})
    with pytest.raises(UserError, match="not a readable zip or tar"):
        unpacked(packed_tar([("cat/1.jpg", b"x")])[:1024] + header * 2000)


def test_names_that_macos_writes_without_their_flag_are_read() -> None:
    content = bytearray(packed_zip([("caf\u00e9/1.jpg", b"x")]))
    for start in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[start + 1] &= ~0x08
    assert list(unpacked(bytes(content))) == ["caf\u00e9/1.jpg"]


@given(
    places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
    kind=st.sampled_from(range(len(PACKERS))),
)
def test_any_damage_is_one_line_or_none(places: list[tuple[float, int]], kind: int) -> None:
    content = bytearray(PACKERS[kind]([("cat/1.jpg", picture(1)), ("caf\u00e9/2.jpg", b"x")]))
    for place, value in places:
        content[int(place * (len(content) - 1))] = value
    with contextlib.suppress(UserError):
        unpacked(bytes(content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(99), "is a 7z archive, and no zip or tar; unpack it"),
        (b"Rar!\x1a\x07" + bytes(99), "is a rar archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "is a zst archive"),
        (b"PAR1" + bytes(99), "is a Parquet file"),
        (b"version https://git-lfs.github.com/spec/v1\noid x", "of Git LFS, .* `git lfs pull`"),
        (b"<html>sign in</html>", "is a page, .*; give the address of the archive itself"),
        (picture(1), "is a picture, and no zip or tar; give a folder of photos"),
        (b"path,label\n1.jpg,cat\n", "is a table of text, .* as fetch.manifest"),
        (b"just words", "is not a readable zip or tar"),
    ],
)
def test_what_is_no_archive_is_called_what_it_is(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        unpacked(content)


def test_names_in_an_unknown_encoding_are_told_beside_the_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = packed_zip([("caf\u00e9/1.jpg", b"x")]).replace("\u00e9".encode(), b"\xe9\xe9")
    flags = bytearray(content)
    for start in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        flags[start + 1] &= ~0x08
    assert len(unpacked(bytes(flags))) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "1 names in the archive are in an unknown encoding" in told.err


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder without room for files")
@pytest.mark.parametrize("pack", PACKERS)
def test_where_no_file_can_be_written_an_archive_is_read(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = pack([("cat/1.jpg", b"x")])
    monkeypatch.chdir("/proc/self")
    assert unpacked(content) == {"cat/1.jpg": b"x"}


@given(names=st.lists(st.text("aA.\u00e9\u0301/\\:_", min_size=1, max_size=9), max_size=6))
@pytest.mark.parametrize("pack", [packed_zip, packed_tar])
def test_any_names_are_refused_or_stay_inside(pack: Pack, names: list[str]) -> None:
    """What passes can be written below a folder, each member to a file of its own."""
    members = [(name, str(index).encode()) for index, name in enumerate(names)]
    try:
        found = unpacked(pack(members))
    except UserError:
        return
    root = Path("/target")
    targets = [root.joinpath(name) for name in found if not name.endswith("/")]
    assert all(target.is_relative_to(root) and ".." not in target.parts for target in targets)
    assert len({str(target).casefold() for target in targets}) == len(targets)
