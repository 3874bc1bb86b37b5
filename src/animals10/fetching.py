"""What is a photo of which class: every file of a source is kept or rejected with a reason."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, NoReturn

from tqdm import tqdm

from animals10 import layouts, manifest
from animals10.archives import Entry
from animals10.errors import UserError
from animals10.images import ImageError, examine
from animals10.layouts import Member
from animals10.names import hidden, tidy
from animals10.parallel import chunks, in_order
from animals10.parameters import LargestPixels
from animals10.similarity import SIDE, fingerprint

_SHOWN = 50  # classes; a terminal takes no more
LARGEST_FILE = 256 * 2**20  # bytes; no photo is larger


class Photo(NamedTuple):
    """A photo that is kept: its name, its class, its bytes' hash, what it looks like.

    `size` is in bytes; `split` and `group` are "" where the data set does not give them.
    """

    path: str
    label: str
    size: int
    sha256: str
    phash: str
    mirrored: str
    split: str
    group: str


@dataclass
class Verdicts:
    """What became of the files of a source."""

    photos: list[Photo] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)  # (path, reason)
    hashes: list[tuple[str, str]] = field(default_factory=list)  # (class, sha256) of all files read
    notes: list[tuple[str, str]] = field(default_factory=list)  # (path, note) of photos that pass
    doubts: list[str] = field(default_factory=list)  # about the layout


def judge(
    entries: list[Entry],
    smallest: int,
    verdicts: Verdicts,
    members: dict[str, Member] | None = None,
    largest: LargestPixels | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Yield the photos among the files of a source.

    What each file is follows from its folders, or from a manifest; others are rejected. Names are
    those below the folders that wrap all photos, so that a folder and an archive give the same.

    Args:
        entries: all files and folders of the source.
        smallest: pixels that the shorter side of a photo must have.
        verdicts: filled while the photos are yielded.
        members: of a manifest, if there is one.
        largest: pixels that a photo may have.

    Yields:
        (name, the file's bytes unchanged), sorted by name.

    Raises:
        UserError: the layout is ambiguous, or a class has no photo.
    """
    candidates = _classified(entries, members, verdicts)
    of = {name: member for name, _, member in candidates}
    files = [(name, entry) for name, entry, _ in candidates if not name.endswith("/")]
    work = partial(_examine, smallest=smallest, largest=largest or LargestPixels())
    with tqdm(total=len(files), desc="fetch", unit="file", disable=None) as bar:
        for (name, content), (sha256, looks, notes) in in_order(work, _read(files, verdicts, bar)):
            label, split, group = of[name]
            verdicts.notes += [(name, note) for note in notes]
            verdicts.hashes.append((label, sha256))
            if isinstance(looks, str):
                verdicts.rejected.append((name, looks))
            else:
                photo = Photo(name, label, len(content), sha256, *looks, split, group)
                verdicts.photos.append(photo)
                yield name, content
    _require_classes(of, verdicts)


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


def _examine(
    file: tuple[str, bytes], smallest: int, largest: LargestPixels
) -> tuple[str, tuple[str, str] | str, tuple[str, ...]]:
    """Return a file's sha256, what it looks like or why it is no photo, and notes."""
    _, content = file
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        image, notes = examine(content, SIDE, smallest, largest.jpeg, largest.other)
    except ImageError as error:
        return sha256, str(error), ()
    return sha256, fingerprint(image), notes


def _classified(
    entries: list[Entry], members: dict[str, Member] | None, verdicts: Verdicts
) -> list[tuple[str, Entry, Member]]:
    """Say what each file is, by name; reject what is no photo of a class."""
    visible: dict[str, Entry] = {}
    odd: list[tuple[str, str]] = []
    for entry in entries:
        name = tidy(entry.name)
        if hidden(name):
            odd.append((name, "hidden file or folder"))
        elif name in visible:
            odd.append((name, "name occurs twice"))
        else:
            visible[name] = entry
    visible.pop("", None)  # the source's own folder
    around = layouts.wrapper(visible) if members is None else ""
    below: dict[str, Entry] = {}
    for name, entry in visible.items():
        if name.startswith(around):
            below[name.removeprefix(around)] = entry
        else:
            odd.append((name, "not in a class folder"))
    below.pop("", None)  # the wrapping folder itself
    layout = layouts.read(below) if members is None else manifest.assign(below, members)
    odd += layout.rejected.items()
    verdicts.doubts += layout.notes
    verdicts.rejected += [
        (name.removeprefix(around), why) for name, why in odd if not name.endswith("/")
    ]
    return [(name, below[name], member) for name, member in sorted(layout.members.items())]


def _require_classes(members: dict[str, Member], verdicts: Verdicts) -> None:
    classes = {member.label for member in members.values()}
    if empty := sorted(classes - {photo.label for photo in verdicts.photos}):
        reasons = [
            f"{path}: {reason}" for path, reason in verdicts.rejected
            if path in members and members[path].label == empty[0]
        ]  # fmt: skip
        raise UserError(
            f"class {empty[0]!r} has no usable photo ({len(empty)} such of {len(classes)} classes; "
            f"{reasons[0] if reasons else 'its folder is empty'}); add photos to its folder or "
            "remove the folder"
        )
    if len(classes) < 2:
        raise UserError(
            f"the source has {len(classes)} class(es): {', '.join(classes) or 'none'}; "
            "at least 2 are needed, one folder of photos each, or a fetch.manifest that says what "
            "each photo is"
        )


def summary(verdicts: Verdicts) -> list[str]:
    """Say how many photos each class has, and how many files were rejected for which reason."""
    counts = Counter(photo.label for photo in verdicts.photos)
    shown = "; ".join(f"{label} {count}" for label, count in sorted(counts.items())[:_SHOWN])
    more = f"; … ({len(counts):,} classes)" if len(counts) > _SHOWN else ""
    lines = [shown + more, *verdicts.doubts]
    if splits := Counter(photo.split for photo in verdicts.photos if photo.split):
        given = ", ".join(f"{count:,} {split}" for split, count in sorted(splits.items()))
        lines.append(f"the data set gives its own split: {given}")
    if verdicts.notes:
        lines.append(f"photos with a flaw: {_counted(note for _, note in verdicts.notes)}")
    if verdicts.rejected:
        reasons = _counted(_kind(reason) for _, reason in verdicts.rejected)
        lines.append(f"{len(verdicts.rejected):,} files are no usable photos: {reasons}")
    return lines


def _kind(reason: str) -> str:
    """Return a reason without what differs from file to file, as sizes do."""
    kind, _, detail = reason.partition(":")
    return reason if kind in ("not an image", "unsupported format") and detail else kind


def _counted(texts: Iterable[str]) -> str:
    return "; ".join(f"{count:,} {text}" for text, count in Counter(texts).most_common())
