"""Zip and tar files, read without ever extracting a member under its own name.

An archive that a person packed from photos passes. Whatever else may hide in one (paths that lead
out of a folder, links, devices, names that some disks cannot tell apart, encrypted members, bombs)
stops the run before the first photo is read.
"""

import lzma
import re
import shutil
import stat
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, NoReturn, Self

from animals10.errors import UserError

LARGEST_FILE = 256 * 2**20  # bytes; no photo is larger
LARGEST_TOTAL = 256 * 2**30  # bytes of all members together
DEEPEST = 100  # folders around a file
LARGEST_RATIO = 100  # of members to archive; photos hardly shrink
_HARMLESS = 2**28  # bytes; below this, any ratio
_LARGEST_HEADER = 2**20  # bytes; tarfile reads long names and the like whole
_UTF8 = 0x800  # of a zip member's flags
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    MemoryError,
    NotImplementedError,  # an unknown kind of compression
    RecursionError,  # many headers of one tar member
    ValueError,  # sizes below zero, names that are not Unicode
)
_UNPACK = "unpack it and give the folder of photos"
_LIST = "give the folder or archive of photos, and a CSV of their labels as fetch.manifest"
# By their beginnings, files that are given for an archive, with what to do.
_OTHERS = {
    rb"7z\xbc\xaf": ("a 7z archive", _UNPACK),
    rb"Rar!": ("a rar archive", _UNPACK),
    rb"\x28\xb5\x2f\xfd": ("a zst archive", _UNPACK),
    rb"PAR1": ("a Parquet file", "write its photos into files"),
    rb"\x89HDF": ("an HDF5 file", "write its photos into files"),
    rb"version https://git-lfs": ("a pointer of Git LFS", "run `git lfs pull`"),
    rb"\s*<": ("a page", "give the address of the archive itself"),
    rb"\xff\xd8\xff|\x89PNG": ("a picture", "give a folder of photos"),
    rb"[\w ./-]+[,;\t]": ("a table of text", _LIST),
}


class ArchiveError(UserError):
    """An archive that is damaged, or holds what no archive of photos does."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a source.

    `name` is relative, with forward slashes; a folder's ends in a slash and reads as b"". `size` is
    in bytes, 0 where it is not known before reading.
    """

    name: str
    read: Callable[[], bytes]
    size: int = 0


@contextmanager
def open_archive(file: IO[bytes], source: str) -> Iterator[list[Entry]]:
    """Open a zip or a tar, compressed or not, and yield its files and folders, sorted by name.

    Args:
        file: the archive; it can be sought in.
        source: what messages call it, say "fetch.source = 'photos.zip'".

    Raises:
        ArchiveError: it is damaged, no archive, or holds what no archive of photos does; also
            while its files are read.
    """
    with _temporary_file() as store:
        with _damage_in_one_line(source):
            entries = _entries(file, store, source)
        yield entries


def _temporary_file() -> IO[bytes]:
    # Here if possible, since a system's own folder for such files may be small, or in memory.
    try:
        return tempfile.TemporaryFile(dir=".")
    except OSError:
        return tempfile.TemporaryFile()


def _entries(file: IO[bytes], store: IO[bytes], source: str) -> list[Entry]:
    check = _Check(source, size=file.seek(0, 2))
    if not file.tell():
        raise ArchiveError(f"{source} is empty: 0 bytes; download or pack it again")
    file.seek(0)
    start = file.read(512)
    is_zip = start.startswith((b"PK\3\4", b"PK\5\6"))
    file.seek(0)
    try:
        entries = list(_zip_entries(file, check) if is_zip else _tar_entries(file, store, check))
    except tarfile.ReadError:
        kind, advice = next(
            (each for key, each in _OTHERS.items() if re.match(key, start)), ("", "")
        )
        if kind:
            raise ArchiveError(f"{source} is {kind}, and no zip or tar; {advice}") from None
        raise
    if odd := check.undecoded:
        print(
            f"{len(odd):,} names in the archive are in an unknown encoding, and come out as "
            f"{odd[0]!r}; pack it with names in UTF-8, or give the folder",
            file=sys.stderr,  # on stdout `predict` may print JSON or CSV
        )
    return sorted(entries, key=lambda entry: entry.name)


@contextmanager
def _damage_in_one_line(source: str) -> Iterator[None]:
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a full disk and the like
        why = str(error).partition("\n")[0].rstrip(":") or type(error).__name__
        raise ArchiveError(
            f"{source} is not a readable zip or tar ({why}); download or pack it "
            "again, or unpack it and give the folder of photos"
        ) from None


class _Check:
    """Refuses what no archive of photos holds, one member after the other."""

    def __init__(self, source: str, size: int) -> None:
        self.source = source
        self._room = self._largest = min(LARGEST_TOTAL, max(_HARMLESS, LARGEST_RATIO * size))
        self.undecoded: list[str] = []  # names in an unknown encoding
        self._known: dict[str, str] = {}  # paths as a disk that ignores case sees them

    def member(self, name: str, size: int) -> None:
        """Refuse a member whose name leads elsewhere or occurs twice, or that is too large."""
        if name.startswith("/") or "\\" in name or "\0" in name:
            self.refuse(name, "is no relative path with forward slashes")
        if re.match("[A-Za-z]:", name):
            self.refuse(name, "begins as a drive of Windows does")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            self.refuse(name, "leads out of the archive by '..'")
        if len(parts) > DEEPEST:
            self.refuse(f"{name[:40]}…", f"is in more than {DEEPEST} folders")
        for depth in range(1, len(parts)):
            self._path("/".join(parts[:depth]) + "/")
        self._path("/".join(parts) + "/" * name.endswith("/"))
        self._room -= size
        if self._room < 0:
            self.refuse(name, f"brings the unpacked size over {self._largest:,} bytes: a bomb")

    def _path(self, path: str) -> None:
        key = unicodedata.normalize("NFC", path.removesuffix("/"))
        key = unicodedata.normalize("NFC", key.casefold())  # folding may undo the normal form
        other = self._known.get(key)
        if other not in (None, path):
            self.refuse(path, f"and {other!r} are one name on disks that ignore case")
        if other and not path.endswith("/"):
            self.refuse(path, "occurs twice")
        self._known[key] = path

    def refuse(self, name: str, what: str) -> NoReturn:
        raise ArchiveError(
            f"{self.source}: its member {name!r} {what}; "
            "nothing was taken from it; change that, and pack the photos again, as plain files"
        )


def _zip_entries(file: IO[bytes], check: _Check) -> Iterator[Entry]:
    archive = zipfile.ZipFile(file)
    read = partial(_read_zip, archive, check.source)
    for member in archive.infolist():
        name = _zip_name(member, check)
        if member.flag_bits & 1:
            check.refuse(name, "is encrypted")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            check.refuse(name, "is a link or a device")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            kind = f"zip's method {member.compress_type}; allowed: 0 (stored) and 8 (deflated)"
            check.refuse(name, f"is packed in an unusual way ({kind})")
        check.member(name, member.file_size)
        yield Entry(name, partial(read, member), member.file_size)


def _zip_name(member: zipfile.ZipInfo, check: _Check) -> str:
    name = member.filename
    if not member.flag_bits & _UTF8:  # which macOS omits
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            check.undecoded.append(name)
    # Windows PowerShell 5 writes its own separators, and no others.
    return name if "/" in name else name.replace("\\", "/")


def _read_zip(archive: zipfile.ZipFile, source: str, member: zipfile.ZipInfo) -> bytes:
    with _damage_in_one_line(source), archive.open(member) as content:
        return content.read(member.file_size + 1)


class _Member(tarfile.TarInfo):
    """A header of a tar; a damaged one is an error, where tarfile takes it for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            member = super().frombuf(buf, encoding, errors)
        # Not documented, but the only way to tell the end from damage; a test has both.
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from None
        if member.size < 0 or (not member.isreg() and member.size > _LARGEST_HEADER):
            raise tarfile.ReadError(f"a header of {member.size:,} bytes")
        return member


def _tar_entries(file: IO[bytes], store: IO[bytes], check: _Check) -> Iterator[Entry]:
    """Copy all members to `store`, since a compressed tar can only be read in order."""
    # Not "r|*", which unpacks a block at once, however large it becomes.
    with tarfile.open(fileobj=file, mode="r:*", tarinfo=_Member) as archive:
        for member in archive:
            name = member.name + "/" * member.isdir()
            if not (member.isfile() or member.isdir()):
                check.refuse(name, "is a link or a device")
            check.member(name, member.size)
            start = store.tell()
            if content := archive.extractfile(member):
                shutil.copyfileobj(content, store)
            yield Entry(name, partial(_read_copy, store, start, member.size), member.size)
            if re.search("[\ud800-\udfff]", name):  # bytes that are no UTF-8
                check.undecoded.append(name)


def _read_copy(store: IO[bytes], start: int, size: int) -> bytes:
    store.seek(start)
    return store.read(size)
