"""A table that says what each photo of a source is, instead of its folders."""

import csv
from collections.abc import Iterable, Iterator
from itertools import accumulate
from os.path import commonprefix
from pathlib import Path

from animals10 import files
from animals10.data.layouts import Layout, Member
from animals10.data.names import SPLITS, may_be_photo, readable, require_distinct, split_of, tidy
from animals10.errors import UserError
from animals10.parameters import Fetch

_COLUMNS = ("path", "label", "split", "group")


def find(fetch: Fetch) -> Path | None:
    """Find the manifest; None where the parameters name none.

    Raises:
        UserError: it does not exist.
    """
    if fetch.manifest is None:
        return None
    path = files.locate(fetch.manifest)
    if not path.is_file():
        raise UserError(
            f"fetch.manifest = {fetch.manifest!r} is not a file; give null, or the path of a CSV "
            "with columns path, label and, if known, split and group"
        )
    return path


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
    try:
        for line, row in _rows(path):
            name = row["path"] and tidy(row["path"].replace("\\", "/"))
            split = split_of(row["split"])
            if not name:
                raise ValueError(f"has no path in line {line}")
            if name in members:
                raise ValueError(f"lists {name!r} a second time in line {line}")
            if row["split"] and split not in SPLITS:
                allowed = ", ".join(SPLITS)
                raise ValueError(f"has the split {row['split']!r} in line {line}, not {allowed}")
            members[name] = Member(readable(row["label"]), split, row["group"])
        _require_consistent([member for member in members.values() if member.label])
    except (OSError, csv.Error, ValueError) as error:
        odd = isinstance(error, OSError | csv.Error | UnicodeError)
        what = f"cannot be read ({error})" if odd else str(error)
        raise UserError(
            f"fetch.manifest = {str(path)!r} {' '.join(what.split())}; give a CSV in UTF-8, "
            "separated by commas, with columns path, label and, if known, split and group"
        ) from None
    return members


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield number and columns of each line that is not empty."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True, restval="")
        reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or []]
        if missing := [name for name in _COLUMNS[:2] if name not in reader.fieldnames]:
            names = ", ".join(map(repr, reader.fieldnames)) or "none"
            raise ValueError(f"has the columns {names}, and so no {' and no '.join(missing)}")
        for row in reader:
            columns = {name: row.get(name, "").strip() for name in _COLUMNS}
            if any(columns.values()):
                yield reader.line_num, columns


def _require_consistent(members: list[Member]) -> None:
    if not members:
        raise ValueError("has no row with a label")
    require_distinct({member.label for member in members})
    splits: dict[str, str] = {}
    for _, split, group in members:
        split = split or "train"  # from which its split is drawn, for all of a group
        if group and splits.setdefault(group, split) != split:
            raise ValueError(f"has the group {group!r} in two splits, which no group may straddle")
    trained = {member.label for member in members if member.split in ("", "train")}
    for label in sorted({member.label for member in members} - trained):
        raise ValueError(f"gives the class {label!r} to validation or test alone")


def assign(names: Iterable[str], members: dict[str, Member]) -> Layout:
    """Say what each file of a source is by a manifest.

    Args:
        names: of visible files and folders; a folder's ends in a slash.
        members: as `read` returns them; their paths begin at the source, or below folders that
            wrap all of its photos.

    Raises:
        UserError: no path of the manifest is a file's.
    """
    found = {name for name in names if not name.endswith("/")}
    parts = commonprefix([name.split("/")[:-1] for name in found if may_be_photo(name)])
    wrappers = accumulate((f"{part}/" for part in parts), initial="")
    around = max(wrappers, key=lambda around: sum(around + name in found for name in members))
    layout = Layout(rejected=dict.fromkeys(sorted(found), "not in the manifest"))
    for name, member in members.items():
        if around + name not in found:
            layout.rejected[name] = "in the manifest, but not in the source"
        elif not member.label:
            layout.rejected[around + name] = "unlabelled: no label in the manifest"
        else:
            del layout.rejected[around + name]
            layout.members[around + name] = member
    if not layout.members:
        raise UserError(
            "no path with a label in fetch.manifest is a file of the source: the manifest has "
            f"{next(name for name in members if members[name].label)!r}, the source "
            f"{min(found, default='nothing')!r}; write paths as they are in the source"
        )
    return layout
