"""Where photos come from: the drawn sample, Kaggle, a URL, an archive or a folder.

Every source is a list of `Entry`: a name inside the source and a way to read its bytes. The user's
files are read, never changed.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from animals10 import drawing, workspace
from animals10.archives import ArchiveError, Entry, open_archive
from animals10.downloading import alone, download
from animals10.errors import UserError, without_secrets
from animals10.parameters import Fetch

DOWNLOADS = ".downloads"  # in the user's project; what was begun is kept there
KAGGLE_DATASET = "alessiocorrado99/animals10"
TRIES = 5


@contextmanager
def open_source(fetch: Fetch) -> Iterator[list[Entry]]:
    """Open a source of photos.

    Args:
        fetch: where it is; a relative path is one from the user's project.

    Yields:
        The entries, in an order that is always the same.

    Raises:
        UserError: the source does not exist, is no archive, or cannot be downloaded.
    """
    if fetch.source == "sample":
        yield _sample(fetch.images_per_class, fetch.seed)
    elif fetch.source == "kaggle":
        yield list_folder(_download_kaggle())
    elif _is_url(fetch.source):
        with _downloaded(fetch) as entries:
            yield entries
    elif (path := _local(fetch.source)).is_dir():
        if fetch.sha256:
            raise UserError(
                f"fetch.sha256 is that of an archive; fetch.source = {fetch.source!r} is a folder: "
                "give null"
            )
        yield list_folder(path)
    else:
        _check_sha256(path, fetch)
        with path.open("rb") as file, open_archive(file, fetch.source) as entries:
            yield entries


def find(source: str) -> Path | None:
    """Find a source on this machine.

    Args:
        source: as `fetch.source`.

    Returns:
        The folder or archive; None for the sample, Kaggle and URLs.

    Raises:
        UserError: it does not exist.
    """
    if source in ("sample", "kaggle") or _is_url(source):
        return None
    return _local(source)


def find_manifest(fetch: Fetch) -> Path | None:
    """Find the manifest.

    Args:
        fetch: its parameters.

    Returns:
        The file; None where there is none.

    Raises:
        UserError: it does not exist.
    """
    if fetch.manifest is None:
        return None
    path = workspace.locate(fetch.manifest)
    if not path.is_file():
        raise UserError(
            f"fetch.manifest = {fetch.manifest!r} is not a file; give null, or the path of a CSV "
            "with columns path, label and, if known, split and group"
        )
    return path


def _is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def _local(source: str) -> Path:
    path = workspace.locate(source)
    if not path.is_dir() and not path.is_file():
        raise UserError(
            f"fetch.source = {source!r} does not exist; give sample, kaggle, an http(s) URL, "
            "or the path of a folder or archive with one folder of photos per class"
        )
    return path


@contextmanager
def _downloaded(fetch: Fetch) -> Iterator[list[Entry]]:
    folder = workspace.root() / DOWNLOADS
    with alone(folder):
        path = download(fetch.source, folder, fetch.sha256)
        shown = without_secrets(fetch.source)
        try:
            with path.open("rb") as file, open_archive(file, shown) as entries:
                yield entries
        except ArchiveError:
            path.unlink()  # the next run must not be told that it is still the server's file
            raise
        for used in folder.glob(f"{path.stem}.*"):
            used.unlink()  # only now, so that a run that fails need not download again


def _check_sha256(path: Path, fetch: Fetch) -> None:
    with path.open("rb") as file:
        if fetch.sha256 and (found := hashlib.file_digest(file, "sha256").hexdigest()) != (
            fetch.sha256.lower()
        ):
            raise UserError(
                f"fetch.source = {fetch.source!r}: the sha256 of the archive is {found}, not "
                f"{fetch.sha256.lower()} as fetch.sha256 says; get the right one, or mend "
                "fetch.sha256"
            )


def _may_pass(error: Exception) -> bool:
    """Tell whether a fault of a download may be gone at the next try."""
    import requests

    response: Any = getattr(error, "response", None)
    refused = response is not None and response.status_code < 500
    busy = refused and response.status_code in (408, 429)
    return isinstance(error, requests.RequestException) and (busy or not refused)


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


def list_folder(root: Path) -> list[Entry]:
    """List a folder's files and folders by name, but for what stages left in the project's data.

    Args:
        root: the folder; links in it are followed, each folder once.

    Raises:
        OSError: a folder cannot be read.
    """
    entries = []
    own = str((workspace.root() / workspace.STAGES).resolve())
    above: dict[str, tuple[str, ...]] = {str(root): (os.path.realpath(root),)}
    for folder, subfolders, files in os.walk(root, onerror=_raise, followlinks=True):
        inside = Path(folder).relative_to(root)
        entries.append(Entry(f"{inside.as_posix()}/", bytes))
        entries += [_file(Path(folder, name), (inside / name).as_posix()) for name in files]
        for name in list(subfolders):
            path = os.path.join(folder, name)
            real = os.path.realpath(path)
            if real in above[folder] or real == own:
                subfolders.remove(name)  # a link to a folder above would lead round for ever
            above[path] = (*above[folder], real)
    return sorted(entries, key=lambda entry: entry.name)


def _file(path: Path, name: str) -> Entry:
    if not path.is_file():
        return Entry(name, partial(_refuse, "a broken link, or no ordinary file"))
    return Entry(name, path.read_bytes, path.stat().st_size)


def _raise(error: OSError) -> None:
    raise error  # a folder that cannot be read; os.walk would pass over it


def _refuse(why: str) -> bytes:
    raise OSError(why)


def _download_kaggle() -> Path:
    import kagglehub

    for remaining in reversed(range(TRIES)):
        try:
            return Path(kagglehub.dataset_download(KAGGLE_DATASET))
        except Exception as error:  # kagglehub raises many kinds
            problem = error
            if not remaining or not _may_pass(error):
                break
            time.sleep(2.0 ** (TRIES - remaining - 1))  # kagglehub goes on from what has arrived
    raise UserError(
        f"fetch.source = 'kaggle': {KAGGLE_DATASET} cannot be downloaded: "
        f"{' '.join(str(problem).split())}; check the network and run the same command again, or "
        "download the archive and give its path"
    )
