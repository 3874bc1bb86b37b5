"""What is a photo of which class: every file of a source is kept or rejected with a reason."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, NoReturn

from tqdm import tqdm

from animals10.data import layouts, manifest
from animals10.data.archives import DEEPEST, LARGEST_FILE, Entry
from animals10.data.layouts import Member
from animals10.data.names import hidden, tidy
from animals10.data.near_duplicates import SIDE, perceptual_hashes
from animals10.data.parallel import chunks, in_order
from animals10.errors import UserError
from animals10.images.decoding import ImageError, examine
from animals10.parameters import LargestPixels

_SHOWN = 50  # classes; a terminal takes no more


class Photo(NamedTuple):
    """A photo that is kept; `split` and `group` are "" where the data set does not give them."""

    path: str
    label: str
    size: int  # bytes
    sha256: str
    phash: str  # perceptual hashes of the picture and its mirror image
    mirrored: str
    split: str
    group: str


@dataclass
class ScanResult:
    """What became of the files of a source."""

    photos: list[Photo] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)  # (path, reason)
    hashes: list[tuple[str, str]] = field(default_factory=list)  # (class, sha256) of all files read
    notes: list[tuple[str, str]] = field(default_factory=list)  # (path, note) of photos that pass
    doubts: list[str] = field(default_factory=list)  # about the layout


def scan(
    entries: list[Entry],
    smallest: int,
    result: ScanResult,
    members: dict[str, Member] | None = None,
    largest: LargestPixels | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Yield the photos among the files of a source.

    Names are those below the folders that wrap all photos, in a folder as in an archive.

    Args:
        entries: all files and folders of the source.
        smallest: pixels that the shorter side of a photo must have.
        result: filled meanwhile.
        members: as `manifest.read` returns them, if there is a manifest.
        largest: pixels that a photo may have.

    Yields:
        (name, the file's bytes unchanged), sorted by name.

    Raises:
        UserError: the layout is ambiguous, or a class has no photo.
    """
    candidates = _candidates(entries, members, result)
    files = [(name, entry) for name, (entry, _) in candidates.items() if not name.endswith("/")]
    work = partial(_examine, smallest=smallest, largest=largest or LargestPixels())
    with tqdm(total=len(files), desc="fetch", unit="file", disable=None) as bar:
        done = in_order(work, _read(files, result, bar))
        for (name, content), (sha256, outcome, notes) in done:
            label, split, group = candidates[name][1]
            result.hashes.append((label, sha256))
            result.notes += [(name, note) for note in notes]
            if isinstance(outcome, str):
                result.rejected.append((name, outcome))
            else:
                photo = Photo(name, label, len(content), sha256, *outcome, split, group)
                result.photos.append(photo)
                yield name, content
    _require_photos([(name, member.label) for name, (_, member) in candidates.items()], result)


def _candidates(
    entries: list[Entry], members: dict[str, Member] | None, result: ScanResult
) -> dict[str, tuple[Entry, Member]]:
    """Return what may be photos by name, sorted; reject all other files."""
    visible: dict[str, Entry] = {}
    rejected: list[tuple[str, str]] = []
    for entry in entries:
        name = tidy(entry.name)
        if hidden(name):
            rejected.append((name, "hidden file or folder"))
        elif name.count("/") > DEEPEST:
            rejected.append((name, f"in more than {DEEPEST} folders"))
        elif name in visible:
            rejected.append((name, "name occurs twice"))
        else:
            visible[name] = entry
    visible.pop("", None)  # the source's own folder
    layout = layouts.read(visible) if members is None else manifest.assign(visible, members)
    rejected += layout.rejected.items()
    result.rejected += [
        (name.removeprefix(layout.around), why) for name, why in rejected if name[-1:] != "/"
    ]
    result.doubts += layout.notes
    return {
        name: (visible[layout.around + name], member)
        for name, member in sorted(layout.members.items())
    }


def _read(
    files: list[tuple[str, Entry]], result: ScanResult, bar: "tqdm[NoReturn]"
) -> Iterator[list[tuple[str, bytes]]]:
    """Yield names and contents of files, as many at a time as fit in memory."""
    for chunk in chunks(files, lambda file: min(file[1].size, LARGEST_FILE)):
        contents = []
        for name, entry in chunk:
            try:
                if entry.size > LARGEST_FILE:
                    result.rejected.append((name, f"larger than {LARGEST_FILE // 2**20} MiB"))
                else:
                    contents.append((name, entry.read()))
            except OSError as error:
                result.rejected.append((name, f"cannot be read: {error.strerror or error}"))
        yield contents
        bar.update(len(chunk))


def _examine(
    file: tuple[str, bytes], smallest: int, largest: LargestPixels
) -> tuple[str, tuple[str, str] | str, tuple[str, ...]]:
    """Return a file's sha256, its perceptual hashes or why it is no photo, and notes."""
    _, content = file
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        image, notes = examine(content, SIDE, smallest, largest.jpeg, largest.other)
    except ImageError as error:
        return sha256, str(error), ()
    return sha256, perceptual_hashes(image), notes


def _require_photos(candidates: list[tuple[str, str]], result: ScanResult) -> None:
    classes = {label for _, label in candidates}
    if empty := sorted(classes - {photo.label for photo in result.photos}):
        of_first = {name for name, label in candidates if label == empty[0]}
        why = [f"{name}: {reason}" for name, reason in result.rejected if name in of_first]
        raise UserError(
            f"class {empty[0]!r} has no usable photo ({len(empty)} such of {len(classes)} classes; "
            f"{why[0] if why else 'its folder is empty'}); add photos to its folder or remove the "
            "folder"
        )
    if len(classes) < 2:
        raise UserError(
            f"the source has {len(classes)} class(es): {', '.join(classes) or 'none'}; "
            "at least 2 are needed, one folder of photos each, or a fetch.manifest that says what "
            "each photo is"
        )


def summary(result: ScanResult) -> list[str]:
    """Say how many photos each class has, and how many files were rejected for which reason."""
    counts = Counter(photo.label for photo in result.photos)
    shown = "; ".join(f"{label} {count}" for label, count in sorted(counts.items())[:_SHOWN])
    more = f"; … ({len(counts):,} classes)" if len(counts) > _SHOWN else ""
    lines = [shown + more, *result.doubts]
    if splits := Counter(photo.split for photo in result.photos if photo.split):
        given = ", ".join(f"{count:,} {split}" for split, count in sorted(splits.items()))
        lines.append(f"the data set gives its own split: {given}")
    if result.notes:
        lines.append(f"photos with a flaw: {_counted(note for _, note in result.notes)}")
    if result.rejected:
        reasons = _counted(kind_of_reason(reason) for _, reason in result.rejected)
        lines.append(f"{len(result.rejected):,} files are no usable photos: {reasons}")
    return lines


def kind_of_reason(reason: str) -> str:
    """Return a reason of rejected.csv without what differs from file to file, as sizes do."""
    kind, _, detail = reason.partition(":")
    return reason if kind in ("not an image", "unsupported format") and detail else kind


def _counted(texts: Iterable[str]) -> str:
    return "; ".join(f"{count:,} {text}" for text, count in Counter(texts).most_common())
