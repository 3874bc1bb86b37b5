"""Where photos come from: the drawn sample, Kaggle, a URL, an archive or a folder.

Every source is a list of `Entry`: a name inside the source and a way to read its bytes. Archives
are read in place and never extracted, so no member can land outside the project.
"""

import gzip
import lzma
import os
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image
from tqdm import tqdm

from animals10 import drawing, workspace
from animals10.errors import UserError

KAGGLE_DATASET = "alessiocorrado99/animals10"
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # an unknown kind of compression
)
LARGEST_FILE = 256 * 2**20  # bytes; no photo is larger, but a bomb in an archive is


@dataclass(frozen=True)
class Entry:
    """One file of a source.

    `name` is relative, with forward slashes; a folder's ends in a slash and reads as b"".
    """

    name: str
    read: Callable[[], bytes]


@contextmanager
def open_source(source: str, images_per_class: int, seed: int) -> Iterator[list[Entry]]:
    """Open a source of photos.

    Args:
        source: `sample`, `kaggle`, an http(s) URL of an archive, or the path of a folder, zip or
            tar, relative to the user's project.
        images_per_class: number of pictures of each class, for `sample` alone.
        seed: of the drawn pictures, for `sample` alone.

    Yields:
        The entries, in an order that is always the same.

    Raises:
        UserError: the source does not exist, is no archive, or cannot be downloaded.
    """
    if source == "sample":
        yield _sample(images_per_class, seed)
    elif source == "kaggle":
        yield _folder(_download_kaggle())
    elif source.startswith(("http://", "https://")):
        with _downloaded(source) as archive, _archive(archive, source) as entries:
            yield entries
    elif (path := workspace.root() / Path(source).expanduser()).is_dir():
        yield _folder(path)
    elif path.is_file():
        with path.open("rb") as file, _archive(file, source) as entries:
            yield entries
    else:
        raise UserError(
            f"fetch.source = {source!r} does not exist; give sample, kaggle, an http(s) URL, "
            "or the path of a folder or archive with one folder of photos per class"
        )


def _sample(images_per_class: int, seed: int) -> list[Entry]:
    return [
        Entry(f"{name}/{name}-{index:04d}.jpg", partial(_draw, name, kind, index, seed))
        for kind, name in enumerate(drawing.CLASSES)
        for index in range(images_per_class)
    ]


def _draw(name: str, kind: int, index: int, seed: int) -> bytes:
    # One generator per picture: asking for more pictures changes none of the earlier ones.
    picture = drawing.draw(name, np.random.default_rng([seed, kind, index]))
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _folder(root: Path) -> list[Entry]:
    entries = []
    for folder, _, files in os.walk(root, followlinks=True):
        inside = Path(folder).relative_to(root)
        entries.append(Entry(f"{inside.as_posix()}/", bytes))
        entries += [Entry((inside / f).as_posix(), (root / inside / f).read_bytes) for f in files]
    return sorted(entries, key=lambda entry: entry.name)


@contextmanager
def _archive(file: IO[bytes], source: str) -> Iterator[list[Entry]]:
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                yield _zip_entries(archive)
        else:
            file.seek(0)
            with tarfile.open(fileobj=file) as tar:
                yield _tar_entries(tar)
    except _DAMAGED as error:
        raise UserError(
            f"fetch.source = {source!r} is not a readable zip or tar "
            f"({' '.join(str(error).split())}); "
            "download or pack it again"
        ) from None


def _zip_entries(archive: zipfile.ZipFile) -> list[Entry]:
    def read(member: zipfile.ZipInfo) -> bytes:
        if member.flag_bits & 1:
            raise UserError(f"{member.filename!r} in the archive is encrypted; unpack it yourself")
        with archive.open(member) as file:
            return file.read(LARGEST_FILE)

    members = sorted(archive.infolist(), key=lambda member: member.filename)
    return [Entry(member.filename, partial(read, member)) for member in members]


def _tar_entries(archive: tarfile.TarFile) -> list[Entry]:
    def read(member: tarfile.TarInfo) -> bytes:
        try:
            file = archive.extractfile(member)
        except KeyError:  # a hard link to what the archive does not hold
            file = None
        return file.read(LARGEST_FILE) if file else b""

    members = sorted(archive.getmembers(), key=lambda member: member.name)
    return [
        Entry(member.name + "/" * member.isdir(), partial(read, member))
        for member in members
        if member.isdir() or member.isfile() or member.islnk()
    ]


@contextmanager
def _downloaded(url: str) -> Iterator[IO[bytes]]:
    import requests

    Path("data").mkdir(exist_ok=True)
    with tempfile.TemporaryFile(dir="data") as file:
        try:
            with requests.get(url, stream=True, timeout=30) as response:
                response.raise_for_status()
                length = int(response.headers.get("Content-Length", 0))
                with tqdm(
                    total=length or None, unit="B", unit_scale=True, desc="download", disable=None
                ) as bar:
                    for chunk in response.iter_content(2**20):
                        bar.update(file.write(chunk))
        except requests.RequestException as error:
            raise UserError(f"fetch.source = {url!r} cannot be downloaded: {error}") from None
        yield file


def _download_kaggle() -> Path:
    import kagglehub

    try:
        return Path(kagglehub.dataset_download(KAGGLE_DATASET))
    except Exception as error:  # kagglehub raises whatever its HTTP library does
        raise UserError(
            f"fetch.source = 'kaggle': {KAGGLE_DATASET} cannot be downloaded: {error}; "
            "check the network, or download the archive and give its path"
        ) from None
