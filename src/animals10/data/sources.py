"""Where photos come from: the drawn sample, Kaggle, a URL, an archive or a folder.

Every source is a list of `Entry`: a name inside the source and a way to read its bytes. The user's
files are read, never changed.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

import animals10_sample
from animals10 import files
from animals10.data.archives import ArchiveError, Entry, open_archive
from animals10.data.downloading import download
from animals10.errors import UserError, without_secrets
from animals10.parameters import Fetch

DOWNLOADS = ".downloads"  # in the user's project; an unfinished download stays there
KAGGLE_DATASET = "alessiocorrado99/animals10"
TRIES = 5


@contextmanager
def open_source(fetch: Fetch) -> Iterator[list[Entry]]:
    """Open a source of photos, and yield its entries, always in the same order.

    Raises:
        UserError: the source does not exist, is no archive, or cannot be downloaded.
    """
    path = find(fetch.source)
    if fetch.source == "sample":
        yield _sample(fetch.images_per_class, fetch.seed)
    elif fetch.source == "kaggle":
        yield list_folder(_download_kaggle())
    elif path is None:
        with _downloaded(fetch) as entries:
            yield entries
    elif path.is_file():
        with _archive(path, fetch) as entries:
            yield entries
    elif fetch.sha256:
        raise UserError(
            f"fetch.sha256 is that of an archive; fetch.source = {fetch.source!r} is a folder: "
            "give null"
        )
    else:
        yield list_folder(path)


def find(source: str) -> Path | None:
    """Find a source on this machine; None for the sample, Kaggle and URLs.

    Raises:
        UserError: it does not exist.
    """
    if source in ("sample", "kaggle") or source.lower().startswith(("http://", "https://")):
        return None
    path = files.locate(source)
    if not path.is_dir() and not path.is_file():
        raise UserError(
            f"fetch.source = {source!r} does not exist; give sample, kaggle, an http(s) URL, "
            "or the path of a folder or archive with one folder of photos per class"
        )
    return path


@contextmanager
def _downloaded(fetch: Fetch) -> Iterator[list[Entry]]:
    folder = files.root() / DOWNLOADS
    with FileLock(folder / "lock"):  # experiments in temporary copies share the folder
        path = download(fetch.source, folder)
        try:
            with _archive(path, fetch) as entries:
                yield entries
        except ArchiveError:
            path.unlink()  # else the next run would keep it, as the server has no other
            raise
        for used in folder.glob(f"{path.stem}.*"):
            used.unlink()  # only now: after a failure the next run need not download it again


@contextmanager
def _archive(path: Path, fetch: Fetch) -> Iterator[list[Entry]]:
    shown = without_secrets(fetch.source)
    with path.open("rb") as file:
        expected = fetch.sha256 and fetch.sha256.lower()
        if expected and (found := hashlib.file_digest(file, "sha256").hexdigest()) != expected:
            raise ArchiveError(
                f"fetch.source = {shown!r}: the sha256 of the archive is {found}, not {expected} "
                "as fetch.sha256 says; get the right archive, or correct fetch.sha256"
            )
        with open_archive(file, f"fetch.source = {shown!r}") as entries:
            yield entries


def _sample(images_per_class: int, seed: int) -> list[Entry]:
    return [
        Entry(f"{name}/{name}-{index:04d}.jpg", partial(_draw, name, kind, index, seed))
        for kind, name in enumerate(animals10_sample.CLASSES)
        for index in range(images_per_class)
    ]


def _draw(name: str, kind: int, index: int, seed: int) -> bytes:
    # One generator per picture: asking for more pictures changes none of the earlier ones.
    picture = animals10_sample.draw(name, np.random.default_rng([seed, kind, index]))
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def list_folder(root: Path) -> list[Entry]:
    """List a folder's files and folders by name, except what stages left in the project's data.

    Links are followed, unless to a folder above.

    Raises:
        OSError: a folder cannot be read.
    """
    own = (files.root() / files.STAGES).resolve()
    entries = [
        Entry(f"{path.relative_to(root).as_posix()}/", bytes)
        if path.is_dir()
        else Entry(path.relative_to(root).as_posix(), partial(_read, path), _size(path))
        for path in _walk(root, [own])
    ]
    return sorted(entries, key=lambda entry: entry.name)


def _walk(folder: Path, passed_over: list[Path]) -> Iterator[Path]:
    """Yield a folder and all below it, but those passed over and links to a folder above."""
    real = folder.resolve()
    if real in passed_over:
        return
    yield folder
    for path in folder.iterdir():
        if path.is_dir():
            yield from _walk(path, [*passed_over, real])
        else:
            yield path


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read(path: Path) -> bytes:
    if not path.is_file():  # a pipe would be waited for
        raise OSError("a broken link, or no ordinary file")
    return path.read_bytes()


def _download_kaggle() -> Path:
    import kagglehub
    import requests

    for attempt in range(TRIES):
        try:
            return Path(kagglehub.dataset_download(KAGGLE_DATASET))
        except Exception as error:  # kagglehub raises many kinds
            problem = error
            response = getattr(error, "response", None)
            refused = response is not None and response.status_code < 500
            if refused or not isinstance(error, requests.RequestException):
                break
            time.sleep(2.0**attempt)  # kagglehub resumes what has arrived
    raise UserError(
        f"fetch.source = 'kaggle': {KAGGLE_DATASET} cannot be downloaded: "
        f"{' '.join(str(problem).split())}; check the network and run the same command again, or "
        "download the archive and give its path"
    )
