"""Which class and split a file belongs to, by the folders of its data set.

One folder per class, whatever lies below, is the rule. Folders of splits (train, val, test) keep
their meaning. What can be read in two ways is refused, with what was seen and how to say what is
meant.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple, NoReturn

from animals10.data.names import (
    ANNOTATIONS,
    GENERIC,
    PHOTO,
    SPLITS,
    may_be_photo,
    require_distinct,
    split_of,
    split_words,
)
from animals10.errors import UserError

_PIECES = {"part", "parts", "fold", "folds", "kfold", "batch", "chunk", "shard", "subset", "cv"}
_PACKED = re.compile(r"\.(zip|tar|tgz|gz|bz2|xz|zst|7z|rar|parquet|tfrecords?)$", re.IGNORECASE)
_BOXES = re.compile(r"_annotations\.|\.(coco\.json|xml)$|(^|/)(instances_\w+\.json|labels/.*txt)$")


class Member(NamedTuple):
    """What a photo is; `split` and `group` are "" where the data set does not give them."""

    label: str
    split: str = ""
    group: str = ""


_Meaning = dict[str, Member | str]  # by folder, what its photos are, or the reason against them


@dataclass
class Layout:
    """The files of a data set by their names below `around`, the folders that wrap all photos.

    `members` has what each photo is; also an empty class folder, whose name ends in a slash.
    `rejected` has the reasons of all other files, `notes` what the user should look at.
    """

    around: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Folder:
    """A folder's photos, and its folders that hold photos or nothing at all."""

    photos: list[str] = field(default_factory=list)
    folders: dict[str, "_Folder"] = field(default_factory=dict)

    def filled(self) -> dict[str, "_Folder"]:
        """Return the folders that hold anything."""
        return {name: folder for name, folder in self.folders.items() if folder != _Folder()}

    def pruned(self) -> "_Folder":
        """Return this folder without empty ones in it."""
        folders = {name: folder.pruned() for name, folder in self.folders.items()}
        return _Folder(self.photos, _Folder(folders=folders).filled())

    def walk(self, path: str = "") -> Iterator[tuple[str, "_Folder"]]:
        """Yield this folder and all below it, with their paths."""
        yield path, self
        for name, folder in self.folders.items():
            yield from folder.walk(f"{path}/{name}" if path else name)


def read(names: Iterable[str]) -> Layout:
    """Read a data set's layout.

    Args:
        names: of visible files and folders; a folder's ends in a slash.

    Raises:
        UserError: the layout can be read in two ways, or has no classes.
    """
    names = sorted(names)
    files = [name for name in names if not name.endswith("/")]
    root, around = _tree(names, files), ""
    while len(tops := _used(root)) == 1 and any(folder.folders for folder in tops.values()):
        ((name, root),) = tops.items()
        around += f"{name}/"
    root.folders = {name: folder.pruned() for name, folder in _used(root).items()}
    layout = Layout(around)
    if splits := _split_folders(root):
        meaning = _read_splits(root, splits, files)
    else:
        _require_classes(root, files)
        meaning = _read_classes(root, layout)
    require_distinct({what.label for what in meaning.values() if isinstance(what, Member)})
    for name in files:
        below = name.removeprefix(around)
        folders = map(str, PurePosixPath(below).parents) if name.startswith(around) else ()
        what = next((meaning[f] for f in folders if f in meaning), "not in a class folder")
        if isinstance(what, Member):
            layout.members[below] = what
        else:
            layout.rejected[below] = what
    return layout


def _used(root: _Folder) -> dict[str, _Folder]:
    """Return the top folders without those of splits that hold nothing, beside one that does."""
    filled = root.pruned().folders.keys()
    if not any(map(split_of, filled)):
        return root.folders
    return {top: root.folders[top] for top in root.folders if top in filled or not split_of(top)}


def _tree(names: list[str], files: list[str]) -> _Folder:
    filled = {f"{folder}/" for name in files for folder in PurePosixPath(name).parents}
    root = _Folder()
    for name in names:
        *parts, last = name.split("/")
        if name not in filled and (not last or may_be_photo(name)):
            folder = root
            for part in parts:
                folder = folder.folders.setdefault(part, _Folder())
            folder.photos += [last] * bool(last)
    return root


def _refuse(seen: str, advice: str) -> NoReturn:
    raise UserError(
        f"the source has {seen}; {advice}, or list the photos in fetch.manifest (a CSV with "
        "columns path, label)"
    )


def _refuse_unlabelled(seen: str, files: list[str]) -> NoReturn:
    if boxes := list(filter(_BOXES.search, files)):
        seen += f" and annotations of objects ({_some(boxes, 1)})"
    _refuse(f"{seen}, so that nothing tells their classes", "give one folder of photos per class")


def _some(names: Iterable[str], shown: int = 4) -> str:
    first = sorted(names)
    return ", ".join(map(repr, first[:shown])) + ", …" * (len(first) > shown)


def _known_photos(folder: _Folder) -> list[str]:
    return [name for name in folder.photos if PHOTO.search(name)]


def _common_folders(root: _Folder) -> set[str]:
    """Return the folders that each of several top folders has."""
    inside = [set(folder.folders) for folder in root.filled().values()]
    return set.intersection(*inside) if len(inside) > 1 else set()


def _split_folders(root: _Folder) -> dict[str, str]:
    """Return each top folder's split; nothing if the top folders are classes."""
    words = {top: split_words(top) for top in root.filled()}
    given = {top: next(iter(splits)) for top, (splits, _) in words.items() if len(splits) == 1}
    others = words.keys() - given.keys()
    # Their further words are the same, or more of the same, as in rps-test, rps-validation-set.
    further = sorted((words[top][1] for top in given), key=len)
    nested = all(less <= more for less, more in zip(further, further[1:], strict=False))
    base = further[-1] if further else frozenset()
    if base and "train" not in given.values() and [words[top][1] for top in others] == [base]:
        given |= dict.fromkeys(others, "train")  # as in rps, rps-test-set, rps-validation
        others = set()
    if len(set(given.values())) > 1 and nested and not others:
        return given
    _require_no_splits(root, {top for top, (splits, _) in words.items() if splits})
    return {}


def _require_no_splits(root: _Folder, named: set[str]) -> None:
    """Refuse folders named like splits beside others, unless all may be classes."""
    tops = root.filled()
    flat = not any(tops[top].folders for top in named)
    few = 2 * len(named) < len(tops)  # of many flat folders, two may be classes of these names
    several = len({split_of(top) for top in named} - {""}) > 1
    if (several and not (flat and few)) or (named and len(_common_folders(root)) > 1):
        _refuse(
            f"folders that look like splits ({_some(named)}), but also "
            f"{_some(tops.keys() - named or tops)}, so that what is a class is not clear",
            "name folders of splits train, val and test alone",
        )


def _read_splits(root: _Folder, splits: dict[str, str], files: list[str]) -> _Meaning:
    """Read train/cat/, test/cat/; a split without class folders is left out."""
    seen = f"folders of splits ({', '.join(sorted(splits))})"
    if "train" not in splits.values():
        _refuse(f"{seen}, but none of training photos", "add it, or give one folder per class")
    meaning: _Meaning = {}
    classes: set[str] = set()
    for top in sorted(splits, key=lambda top: splits[top] != "train"):
        inside, labels = _classes_in_split(top, root.folders[top], classes, splits[top])
        meaning |= {f"{inside}/{label}": Member(label, splits[top]) for label in labels}
        if not labels:
            meaning[top] = f"unlabelled: {top} has no class folders"
        classes |= labels
    if not classes:
        _refuse_unlabelled(seen, files)
    return meaning


def _classes_in_split(
    top: str, folder: _Folder, known: set[str], split: str
) -> tuple[str, set[str]]:
    """Return the path of the class folders, as training_set/training_set, and their names."""
    inside = top
    while len(folder.folders) == 1 and not folder.photos:
        ((name, only),) = folder.folders.items()
        if name in known or not (only.folders or name.lower() in GENERIC or split_of(name)):
            break
        inside, folder = f"{inside}/{name}", only
    labels = set(folder.folders)
    if labels and (loose := _known_photos(folder)):
        _refuse(
            f"photos in {inside} ({_some(loose)}) beside the folders {_some(labels)}",
            "move them into their class's folder",
        )
    require_distinct(known | labels)
    unlabelled = len(labels) < 2 and not labels & known  # say, test/1.jpg or test/unknown/1.jpg
    if split == "unlabelled" or (split != "train" and unlabelled):
        return inside, set()
    if split != "train" and labels - known:
        _refuse(
            f"classes in {top} that no training photo has ({_some(labels - known)})",
            "rename or remove them",
        )
    return inside, labels


def _require_classes(root: _Folder, files: list[str]) -> None:
    """Refuse folders that are not classes."""
    tops = root.folders.keys()
    packed = [name for name in files if _PACKED.search(name)]
    if packed and not any(map(PHOTO.search, files)):
        _refuse(
            f"archives inside ({_some(packed)}) and no photos",
            "unpack them, each into the folder of its class, and give the folder around those",
        )
    if loose := _known_photos(root):
        seen = f"{len(loose):,} photos ({_some(loose)})"
        if not tops:
            _refuse_unlabelled(f"{seen} in no folder", files)
        _refuse(f"{seen} beside the folders {_some(tops)}", "move them into their class's folder")
    if len(tops) == 1 and {top.lower() for top in tops} <= GENERIC:
        _refuse_unlabelled(f"one folder of photos ({_some(tops)})", files)
    words = {re.sub("[^a-z]", "", top.lower()) for top in tops}
    if words & ANNOTATIONS and words & GENERIC and words <= ANNOTATIONS | GENERIC:
        _refuse_unlabelled(f"photos and their annotations ({_some(tops)})", files)
    _require_no_copies(root)


def _require_no_copies(root: _Folder) -> None:
    """Refuse fold1 and fold2, part_a and part_b, and cat and dog beside data/cat and data/dog."""
    tops = root.folders.keys()
    number = r"\d+(st|nd|rd|th)?|(?<![a-z])[a-z](?![a-z])"
    stems = {re.sub(number, "", top.lower()) for top in tops}
    if len(tops) > 1 and len(stems) == 1 and _PIECES & {*re.findall("[a-z]+", stems.pop())}:
        _refuse(
            f"folders {_some(tops)}, which look like folds or pieces of one data set, no classes",
            "give one folder per class",
        )
    for top, folder in root.folders.items():
        again = (tops - {top}) & folder.folders.keys()
        if not folder.photos and again and 2 * len(again) >= len(tops) - 1:
            _refuse(
                f"{_some(again)} and, inside {top!r}, folders of the same names: a data set "
                "inside itself",
                "give the path of the one that is meant",
            )


def _read_classes(root: _Folder, layout: Layout) -> _Meaning:
    """Read cat/, or cat/train/ where each class is split inside."""
    tops = root.filled()
    layout.members |= {f"{top}/": Member(top) for top in root.folders.keys() - tops}
    if any(len(_splits_in(folder)) > 1 for folder in tops.values()):
        return _read_splits_inside(tops)
    for path, folder in root.walk():
        if path and len(_splits_in(folder)) > 1:  # a class may have one folder called train
            _refuse(f"folders of splits inside {path!r} alone", "give the path of that folder")
    if len(common := _common_folders(root)) > 1:
        layout.notes.append(
            f"each class has the same folders ({_some(common)}); the outer ones are the classes"
        )
    inside = {name for folder in tops.values() for name in folder.folders}
    if masks := [name for name in inside if name.lower() in ANNOTATIONS]:
        layout.notes.append(f"folders within classes are read as photos: {_some(masks)}")
    return {top: Member(top) for top in tops}


def _splits_in(folder: _Folder) -> set[str]:
    return {split for name in folder.folders if (split := split_of(name)) in SPLITS}


def _read_splits_inside(tops: dict[str, _Folder]) -> _Meaning:
    meaning: _Meaning = {}
    for top, folder in tops.items():
        splits = {name: split_of(name) for name in folder.folders}
        if folder.photos or not all(splits.values()):
            _refuse(
                f"folders of splits inside its classes, but in {top!r} photos or other folders too",
                "remove or rename one or the other",
            )
        meaning[top] = "in no split, as its class's other photos"
        for name, split in splits.items():
            if split in SPLITS:
                meaning[f"{top}/{name}"] = Member(top, split)
    return meaning
