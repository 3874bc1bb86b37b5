"""A table that says what each photo of a source is, instead of its folders."""

import csv
from collections.abc import Iterable, Iterator
from itertools import accumulate
from os.path import commonprefix
from pathlib import Path, PurePosixPath

from animals10 import layouts
from animals10.errors import UserError
from animals10.layouts import Layout, Member
from animals10.names import SPLITS, may_be_photo, readable, split_of, tidy

_COLUMNS = ("path", "label", "split", "group")


def read(path: Path) -> dict[str, Member]:
    """Read a manifest.

    Args:
        path: CSV in UTF-8 with columns path and label, and optionally split and group, any of
            whose cells may be empty. Other columns are ignored.

    Returns:
        By path, as `names.tidy` writes it, what each photo is.

    Raises:
        UserError: it is no such table, or contradicts itself; with the line, where there is one.
    """
    members: dict[str, Member] = {}
    for line, row in _rows(path):
        name = row["path"] and tidy(row["path"].replace("\\", "/"))
        split = split_of(row["split"])
        if not any(row.values()):
            continue
        if not name:
            raise _wrong(path, f"has no path in line {line}")
        if name in members:
            raise _wrong(path, f"lists {name!r} a second time in line {line}")
        if row["split"] and split not in SPLITS:
            allowed = ", ".join(SPLITS)
            raise _wrong(path, f"has the split {row['split']!r} in line {line}, not {allowed}")
        members[name] = Member(readable(row["label"]), split, row["group"])
    labelled = [member for member in members.values() if member.label]
    if not labelled:
        raise _wrong(path, "has no row with a label")
    layouts.require_names({member.label for member in labelled})
    _require_groups(path, labelled)
    _require_training(path, labelled)
    return members


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield number and columns of each line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restval="")
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or []]
            if missing := [name for name in ("path", "label") if name not in reader.fieldnames]:
                names = ", ".join(map(repr, reader.fieldnames)) or "none"
                raise _wrong(path, f"has the columns {names}, and so no {' and no '.join(missing)}")
            for row in reader:
                yield reader.line_num, {name: row.get(name, "").strip() for name in _COLUMNS}
    except (OSError, ValueError, csv.Error) as error:
        raise _wrong(path, f"cannot be read ({' '.join(str(error).split())})") from None


def _require_groups(path: Path, members: Iterable[Member]) -> None:
    known: dict[str, str] = {}
    for member in members:
        split = member.split or "train"  # it may be drawn from there, as a whole group
        if member.group and known.setdefault(member.group, split) != split:
            raise _wrong(
                path,
                f"has the group {member.group!r} in two splits, which no group may straddle",
            )


def _require_training(path: Path, members: Iterable[Member]) -> None:
    trained = {member.label for member in members if member.split in ("", "train")}
    for label in sorted({member.label for member in members} - trained):
        raise _wrong(path, f"gives the class {label!r} to validation or test alone")


def _wrong(path: Path, what: str) -> UserError:
    return UserError(
        f"fetch.manifest = {str(path)!r} {what}; give a CSV in UTF-8, separated by commas, with "
        "columns path, label and, if known, split and group"
    )


def assign(names: Iterable[str], members: dict[str, Member]) -> Layout:
    """Say what each file of a source is by a manifest.

    Args:
        names: of visible files and folders; a folder's ends in a slash.
        members: as `read` returns them; their paths begin at the source, or below folders that
            wrap all of its photos.

    Returns:
        What each file is. Files that the manifest lacks are rejected, and photos that the source
        lacks, and those without a label.

    Raises:
        UserError: no path of the manifest is a file's.
    """
    files = {name for name in names if not name.endswith("/")}
    around = max(
        _wrappers(files), key=lambda prefix: sum(prefix + name in files for name in members)
    )
    layout = Layout()
    for name, member in members.items():
        if around + name not in files:
            layout.rejected[name] = "in the manifest, but not in the source"
        elif not member.label:
            layout.rejected[around + name] = "unlabelled: no label in the manifest"
        else:
            layout.members[around + name] = member
    if not layout.members:
        raise UserError(
            "no path with a label in fetch.manifest is a file of the source: the manifest has "
            f"{next(name for name in members if members[name].label)!r}, the source "
            f"{min(files, default='nothing')!r}; write paths as they are in the source"
        )
    known = layout.members.keys() | layout.rejected.keys()
    return Layout(layout.members, layout.rejected | {
        name: "not in the manifest" for name in sorted(files - known)
    })  # fmt: skip


def _wrappers(files: set[str]) -> list[str]:
    """Return "" and the folders that wrap all photos, each with those around it."""
    parts = commonprefix([PurePosixPath(name).parts[:-1] for name in files if may_be_photo(name)])
    return list(accumulate((f"{part}/" for part in parts), initial=""))
