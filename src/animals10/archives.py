"""Zip and tar files, read without ever extracting a member under its own name.

An archive that a person packed from photos passes; whatever else may hide in one (paths that lead
out of a folder, links, devices, names that some disks cannot tell apart, encrypted members, bombs)
stops the run before the first photo is read.
"""

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Self

from animals10.errors import UserError

LARGEST_TOTAL = 256 * 2**30  # bytes of all members together
LARGEST_RATIO = 100  # of members to archive; photos hardly shrink
_HARMLESS = 2**28  # bytes; below this, any ratio
_UTF8 = 0x800  # of a zip member's flags
_LARGEST_HEADER = 2**20  # bytes; tarfile reads long names and the like whole
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    MemoryError,
    NotImplementedError,  # an unknown kind of compression
    ValueError,  # sizes below zero, names that are no Unicode
)
# Each file's first bytes; these readers unpack no more than they are asked for.
_COMPRESSIONS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}


# What other files begin with that people take for an archive.
_OTHERS = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"PAR1": "a Parquet table",
    b"\x89HDF": "an HDF5 file",
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
    """Open a zip or a tar, compressed or not.

    Args:
        file: the archive; it can be sought in.
        source: what the user calls it.

    Yields:
        Its files and folders, sorted by name.

    Raises:
        ArchiveError: it is damaged, no archive, or holds what no archive of photos does; also
            while its files are read.
    """
    size = file.seek(0, 2)
    file.seek(0)
    magic = file.read(6)
    file.seek(0)
    for beginning, kind in _OTHERS.items():
        if magic.startswith(beginning):
            raise ArchiveError(
                f"fetch.source = {source!r} is {kind}, no zip or tar; unpack it and give the "
                "folder of photos, or pack that as zip"
            )
    with ExitStack() as stack:
        with _blaming(source):
            if magic.startswith((b"PK\3\4", b"PK\5\6")):
                entries = _zip_entries(stack.enter_context(zipfile.ZipFile(file)), source, size)
            else:
                # Here, since a system's own folder for such files may be small, or in memory.
                store = stack.enter_context(tempfile.TemporaryFile(dir="."))
                entries = _tar_entries(_unpacked(file, magic), store, source, size)
            ordered = sorted(entries, key=lambda entry: entry.name)
        yield ordered


@contextmanager
def _blaming(source: str) -> Iterator[None]:
    """Turn what the libraries raise over damage into one line."""
    try:
        yield
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a full disk and the like
        why = " ".join(str(error).split()) or type(error).__name__
        raise ArchiveError(
            f"fetch.source = {source!r} is not a readable zip or tar ({why}); "
            "download or pack it again"
        ) from None


def _zip_entries(archive: zipfile.ZipFile, source: str, size: int) -> Iterator[Entry]:
    def read(member: zipfile.ZipInfo) -> bytes:
        with _blaming(source), archive.open(member) as content:
            return content.read(member.file_size + 1)

    guard = _Guard(source, size)  # which knows every name, so that it must not stay
    _warn_of_names([m.filename for m in archive.infolist() if _encoding(m) is None])
    for member in archive.infolist():
        name = _zip_name(member)
        if member.flag_bits & 1:
            guard.refuse(name, "is encrypted")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            guard.refuse(name, "is a link or a device")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            guard.refuse(name, "is packed in an unusual way, which cannot be unpacked safely")
        guard.check(name, member.file_size)
        yield Entry(name, partial(read, member), member.file_size)


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name; macOS writes UTF-8 without the flag that says so."""
    name = member.filename
    if _encoding(member) == "utf-8" and not member.flag_bits & _UTF8:
        name = name.encode("cp437").decode()
    # Windows PowerShell 5 writes its own separators, and no others.
    return name if "/" in name else name.replace("\\", "/")


def _encoding(member: zipfile.ZipInfo) -> str | None:
    """Return the encoding of a member's name; None where the archive does not tell it."""
    if member.flag_bits & _UTF8 or member.filename.isascii():
        return "utf-8"
    try:
        member.filename.encode("cp437").decode()
    except UnicodeError:
        return None
    return "utf-8"


def _warn_of_names(names: list[str]) -> None:
    if names:
        print(
            f"{len(names):,} names in the archive are in an encoding that it does not tell, and "
            f"come out as {names[0]!r}; pack it with names in UTF-8, or give the folder"
        )


def _unpacked(file: IO[bytes], magic: bytes) -> IO[bytes]:
    for beginning, reader in _COMPRESSIONS.items():
        if magic.startswith(beginning):
            return reader(file)
    return file


class _Member(tarfile.TarInfo):
    """A header of a tar; a damaged one is an error, where tarfile takes it for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from None
        if member.size < 0 or (not member.isreg() and member.size > _LARGEST_HEADER):
            raise tarfile.ReadError(f"a header of {member.size:,} bytes")
        return member


def _tar_entries(file: IO[bytes], store: IO[bytes], source: str, packed: int) -> Iterator[Entry]:
    """Copy all members, one after the other, since a compressed tar can only be read in order."""

    def read(start: int, size: int) -> bytes:
        with _blaming(source):
            store.seek(start)
            return store.read(size)

    guard, odd = _Guard(source, packed), list[str]()
    with tarfile.open(fileobj=file, mode="r|", tarinfo=_Member) as archive:
        for member in archive:
            name = member.name + "/" * member.isdir()
            if not (member.isfile() or member.isdir()):
                guard.refuse(name, "is a link or a device")
            guard.check(name, member.size)
            start = store.seek(0, 2)
            if content := archive.extractfile(member):
                while chunk := content.read(2**20):
                    store.write(chunk)
            yield Entry(name, partial(read, start, member.size), member.size)
            if _is_undecoded(name):
                odd.append(name)
    _warn_of_names(odd)


def _is_undecoded(name: str) -> bool:
    """Tell whether a name has bytes that are no UTF-8."""
    return any("\ud800" <= character <= "\udfff" for character in name)


class _Guard:
    """Judges the members of one archive, one after the other."""

    def __init__(self, source: str, size: int) -> None:
        self.source = source
        self.largest = min(LARGEST_TOTAL, max(_HARMLESS, LARGEST_RATIO * size))
        self.total = 0
        self.spellings: dict[str, str] = {}
        self.files: set[str] = set()

    def check(self, name: str, size: int) -> None:
        """Refuse a member whose name leads elsewhere or occurs twice, or that is too much."""
        path = name.removesuffix("/")
        if path.startswith("/") or re.match("[A-Za-z]:", path) or "\\" in path or "\0" in path:
            self.refuse(name, "is no relative path with forward slashes")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts:
            self.refuse(name, "leads out of the archive by '..'")
        self._check_spelling(parts, is_folder=name.endswith("/"))
        self.total += size
        if self.total > self.largest:
            self.refuse(name, f"brings the unpacked size over {self.largest:,} bytes: a bomb")

    def _check_spelling(self, parts: list[str], is_folder: bool) -> None:
        for depth in range(1, len(parts) + 1):
            folder = depth < len(parts) or is_folder
            spelling = "/".join(parts[:depth]) + "/" * folder
            key = unicodedata.normalize("NFC", spelling.removesuffix("/"))
            # Folding may undo the normal form.
            key = unicodedata.normalize("NFC", key.casefold())
            other = self.spellings.setdefault(key, spelling)
            if other != spelling:
                self.refuse(spelling, f"and {other!r} are one name on disks that ignore case")
            if not folder and key in self.files:
                self.refuse(spelling, "occurs twice")
            if not folder:
                self.files.add(key)

    def refuse(self, name: str, what: str) -> None:
        """Raise the error."""
        raise ArchiveError(
            f"fetch.source = {self.source!r}: its member {name!r} {what}; "
            "nothing was taken from it; pack the photos again, as plain files"
        )
