"""What is a photo of which class: every file of a source is kept or rejected with a reason."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple, NoReturn

from tqdm import tqdm

from animals10.archives import Entry
from animals10.errors import UserError
from animals10.images import ImageError, decode
from animals10.parallel import chunks, in_order
from animals10.similarity import SIDE, fingerprint

_BOOKKEEPING = ("__MACOSX", "@eaDir")  # folders that macOS and Synology's servers leave
LARGEST_FILE = 256 * 2**20  # bytes; no photo is larger


class Photo(NamedTuple):
    """A photo that is kept: `<class>/<file>`, its class, its bytes' hash, what it looks like.

    `size` is in bytes.
    """

    path: str
    label: str
    size: int
    sha256: str
    phash: str
    mirrored: str


@dataclass
class Verdicts:
    """What became of the files of a source."""

    photos: list[Photo] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)  # (path, reason)
    hashes: list[tuple[str, str]] = field(default_factory=list)  # (class, sha256) of all files read


def judge(entries: list[Entry], smallest: int, verdicts: Verdicts) -> Iterator[tuple[str, bytes]]:
    """Yield the photos among the files of a source.

    The first folders below whatever wraps them all are the classes; hidden and stray files are
    rejected. Names are those below the wrapping folders, in Unicode's composed form, so that a
    folder and an archive of it give the same.

    Args:
        entries: all files and folders of the source.
        smallest: pixels that the shorter side of a photo must have.
        verdicts: filled while the photos are yielded.

    Yields:
        (`<class>/<file>`, the file's bytes unchanged), sorted by name.

    Raises:
        UserError: the source looks split already; or, after the last photo, fewer than two classes
            have photos or one has none.
    """
    candidates = _in_classes(entries, verdicts)
    _refuse_split([name for name, _ in candidates])
    files = [(name, entry) for name, entry in candidates if not name.endswith("/")]
    examine = partial(_examine, smallest=smallest)
    with tqdm(total=len(files), desc="fetch", unit="file", disable=None) as bar:
        for (name, content), (sha256, looks) in in_order(examine, _read(files, verdicts, bar)):
            label = name.split("/")[0]
            verdicts.hashes.append((label, sha256))
            if isinstance(looks, str):
                verdicts.rejected.append((name, looks))
            else:
                verdicts.photos.append(Photo(name, label, len(content), sha256, *looks))
                yield name, content
    _require_classes({name.split("/")[0] for name, _ in candidates}, verdicts)


def _read(
    files: list[tuple[str, Entry]], verdicts: Verdicts, bar: "tqdm[NoReturn]"
) -> Iterator[list[tuple[str, bytes]]]:
    """Yield the files' names and contents, so many at a time as memory is for."""
    for chunk in chunks(files, lambda file: min(file[1].size, LARGEST_FILE)):
        contents = []
        for name, entry in chunk:
            if entry.size > LARGEST_FILE:
                reason = f"larger than {LARGEST_FILE // 2**20} MiB"
                verdicts.rejected.append((name, reason))
                continue
            try:
                contents.append((name, entry.read()))
            except OSError as error:
                verdicts.rejected.append((name, f"cannot be read: {error.strerror or error}"))
        yield contents
        bar.update(len(chunk))


def _examine(file: tuple[str, bytes], smallest: int) -> tuple[str, tuple[str, str] | str]:
    """Return a file's sha256, and what it looks like or the reason why it is no photo."""
    _, content = file
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        return sha256, fingerprint(decode(content, SIDE, smallest))
    except ImageError as error:
        return sha256, str(error)


def _in_classes(entries: list[Entry], verdicts: Verdicts) -> list[tuple[str, Entry]]:
    """Name all files and folders from their class on; reject what is in none."""
    named = [(_tidy(entry.name), entry) for entry in entries]
    visible = [(name, entry) for name, entry in named if not _hidden(name)]
    wrapper = _wrapper([name for name, _ in visible])
    inside: dict[str, Entry] = {}
    for name, entry in named:
        below = name.removeprefix(wrapper)
        around = name == wrapper or not name.startswith(wrapper)
        if _hidden(name):
            reason = "hidden file or folder"
        elif around or "/" not in below:
            reason = "not in a class folder"
        elif below in inside:
            reason = "name occurs twice"
        else:
            inside[below] = entry
            continue
        if not entry.name.endswith("/"):
            verdicts.rejected.append((below, reason))
    return sorted(inside.items())


def _tidy(name: str) -> str:
    composed = unicodedata.normalize("NFC", str(PurePosixPath(name)) + "/" * name.endswith("/"))
    # Names on Linux may hold what a CSV cannot: bytes that are no Unicode, ends of lines.
    readable = composed.encode(errors="backslashreplace").decode().removeprefix("./")
    return re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", readable)


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part in _BOOKKEEPING for part in parts)


def _wrapper(names: list[str]) -> str:
    """Find the folders around the class folders: archive/raw-img/ for archive/raw-img/cat/1.jpg."""
    folders = {tuple(name.split("/")[:-1]) for name in names}
    depth = 0
    while True:
        tops = {parts[depth] for parts in folders if len(parts) > depth}
        if len(tops) != 1 or not any(len(parts) > depth + 1 for parts in folders):
            around = max(folders, key=len, default=())[:depth]
            return "".join(f"{part}/" for part in around)
        depth += 1


def _refuse_split(names: list[str]) -> None:
    """Refuse train/cat/1.jpg, test/cat/2.jpg, which would be learnt as classes train and test."""
    inner: dict[str, set[str]] = {}
    for name in names:
        if not name.endswith("/"):
            top, *folders = name.split("/")[:-1]
            inner.setdefault(top, set()).add(folders[0] if folders else "")
    shared = set.intersection(*inner.values()) - {""} if len(inner) > 1 else set()
    if len(shared) > 1:  # one may be a folder that each class happens to have
        raise UserError(
            f"the source looks split already: {', '.join(sorted(inner))} each have a folder "
            f"{min(shared)!r}; give one folder per class, the pipeline splits by itself"
        )


def _require_classes(classes: set[str], verdicts: Verdicts) -> None:
    empty = sorted(classes - {photo.label for photo in verdicts.photos})
    if empty:
        known = [f"{path}: {reason}" for path, reason in verdicts.rejected]
        reasons = [line for line in known if line.startswith(f"{empty[0]}/")]
        raise UserError(
            f"class {empty[0]!r} has no usable photo ({len(empty)} such of {len(classes)} classes; "
            f"{reasons[0] if reasons else 'its folder is empty'}); add photos to its folder or "
            "remove the folder"
        )
    if len(classes) < 2:
        raise UserError(
            f"the source has {len(classes)} class(es): {', '.join(classes) or 'none'}; "
            "at least 2 are needed, one folder of photos each"
        )
