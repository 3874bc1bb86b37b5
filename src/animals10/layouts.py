"""Which class and split a file belongs to, by the folders of its data set.

One folder per class, whatever lies below, is the rule. Folders of splits (train, val, test) keep
their meaning. What can be read in two ways is refused, with what was seen and how to say what is
meant.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from animals10.errors import UserError
from animals10.names import GENERIC, PHOTO, SPLITS, photo_test, split_of

_PACKED = re.compile(r"\.(zip|tar|tgz|gz|bz2|xz|zst|7z|rar|parquet|tfrecords?)$", re.IGNORECASE)
_ANNOTATIONS = {
    "annotation", "annotations", "bbox", "bboxes", "imagesets", "labels", "mask", "masks",
    "segmentationclass", "segmentationobject", "trimaps", "xmls",
}  # fmt: skip
_FOLD = re.compile(r"(k?folds?|cv)[\s_-]*\d+", re.IGNORECASE)
_PIECE = re.compile(r"(part|batch|chunk|shard|set|split)[\s_-]*\d+", re.IGNORECASE)
_MANIFEST = "list the photos in fetch.manifest (a CSV with columns path, label)"


class Member(NamedTuple):
    """What a photo is; `split` and `group` are "" where the data set does not give them."""

    label: str
    split: str = ""
    group: str = ""


@dataclass
class Layout:
    """The files of a data set by the names that they were given.

    `members` has what each photo is; also an empty class folder, whose name ends in a slash.
    `rejected` has the reasons of all other files.
    """

    members: dict[str, Member] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)


def wrapper(names: Iterable[str]) -> str:
    """Find the folders around the class folders: archive/raw-img/ for archive/raw-img/cat/1.jpg.

    Folders that hold no photos, but documents, count for nothing.

    Args:
        names: of files and folders; a folder's ends in a slash.
    """
    names = list(names)
    is_photo = photo_test(names)
    used = {tuple(name.split("/")[:-1]) for name in names if not name.endswith("/")}
    filled = {parts[:depth] for parts in used for depth in range(len(parts) + 1)}
    listed = {tuple(name.split("/")[:-1]) for name in names if name.endswith("/")}
    photos = {
        tuple(name.split("/")[:-1]) for name in names if not name.endswith("/") and is_photo(name)
    }
    folders = photos | listed - filled
    depth = 0
    while True:
        tops = {parts[depth] for parts in folders if len(parts) > depth}
        if len(tops) != 1 or not any(len(parts) > depth + 1 for parts in folders):
            around = max(folders, key=len, default=())[:depth]
            return "".join(f"{part}/" for part in around)
        depth += 1


def read(names: Iterable[str]) -> Layout:
    """Read a data set's layout.

    Args:
        names: of visible files and folders below what wraps them all, each once; a folder's ends
            in a slash.

    Returns:
        What each file is.

    Raises:
        UserError: the layout can be read in two ways, or has no classes.
    """
    tree = _Tree(list(names))
    _refuse_packed(tree)
    layout = Layout(rejected=dict.fromkeys(tree.beside, "not in a class folder"))
    if split_tops := _split_tops(tree):
        _read_splits(tree, split_tops, layout)
    else:
        _refuse_loose_photos(tree)
        _refuse_one(tree)
        _refuse_folds(tree)
        _refuse_masks(tree)
        _refuse_itself(tree)
        _read_classes(tree, layout)
    require_names({member.label for member in layout.members.values()})
    return layout


def require_names(labels: set[str]) -> None:
    """Refuse class names that are one name on disks that ignore case, or differ by a space.

    Raises:
        UserError: naming two such.
    """
    known: dict[str, str] = {}
    for label in sorted(labels):
        folded = unicodedata.normalize("NFC", " ".join(label.split()).casefold())
        if (other := known.setdefault(folded, label)) != label:
            raise UserError(
                f"the classes {other!r} and {label!r} differ only by case or spaces, and are one "
                "name on disks that ignore case; give both the same name, or clearly different ones"
            )


class _Tree:
    """The files below each top folder, and which of them look like photos.

    Attributes:
        files: all of them.
        is_photo: tells photos by their names.
        tops: by top folder, the names of its files, from below it on; only of folders with photos,
            or with nothing at all.
        beside: files that are in no such folder.
    """

    def __init__(self, names: list[str]) -> None:
        self.files = [name for name in names if not name.endswith("/")]
        self.is_photo = photo_test(self.files)
        tops: dict[str, list[str]] = {}
        for name in sorted(names):
            top, slash, below = name.partition("/")
            files = tops.setdefault(top, []) if slash else []
            if below and not below.endswith("/"):
                files.append(below)
        self.tops = {
            top: files for top, files in tops.items() if not files or any(map(self.is_photo, files))
        }
        self.beside = [name for name in self.files if name.partition("/")[0] not in self.tops]

    def folders(self, files: Iterable[str]) -> dict[str, list[str]]:
        """Group photos by their first folder; those that lie beside the folders by ""."""
        found: dict[str, list[str]] = {}
        for name in filter(self.is_photo, files):
            first, slash, _ = name.partition("/")
            found.setdefault(first if slash else "", []).append(name)
        return found


def _split_tops(tree: _Tree) -> dict[str, str]:
    """Return each top folder's split, if they are folders of splits and not classes."""
    kinds = {top: split_of(top) for top in tree.tops if tree.tops[top]}
    given = {top: kind for top, kind in kinds.items() if kind}
    others = sorted(kinds.keys() - given.keys())
    if len(set(given.values())) < 2:
        return {}
    if others and all(set(tree.folders(tree.tops[top])) == {""} for top in given):
        return {}  # a class may be called train
    if others:
        raise UserError(
            f"the source has folders of splits ({', '.join(sorted(given))}) and beside them "
            f"{_some(others)}; remove or rename what is no split, or {_MANIFEST}"
        )
    return given


def _refuse_packed(tree: _Tree) -> None:
    packed = [name for name in tree.files if _PACKED.search(name)]
    if packed and not any(map(PHOTO.search, tree.files)):
        raise UserError(
            f"the source has archives inside ({_some(packed)}) and no photos; unpack them, each "
            "into the folder of its class, and give the folder around those"
        )


def _refuse_loose_photos(tree: _Tree) -> None:
    """Refuse photos at the level of the classes."""
    loose = [name for name in tree.beside if PHOTO.search(name) and "/" not in name]
    if not loose:
        return
    seen = f"{len(loose):,} photos ({_some(loose)})"
    if not tree.tops or _detection(tree):
        raise _no_classes(seen + (_detection(tree) or " in no folder"))
    raise UserError(
        f"the source has {seen} beside the folders {_some(sorted(tree.tops))}; move them into "
        f"their class's folder, or {_MANIFEST}"
    )


def _no_classes(seen: str) -> UserError:
    return UserError(
        f"the source has {seen}, so that nothing tells their classes; give one folder of photos "
        f"per class, or {_MANIFEST}"
    )


def _detection(tree: _Tree) -> str:
    """Say which annotation file of object detection there is, "" if there is none."""
    photos = {PurePosixPath(name).stem for name in tree.files if PHOTO.search(name)}
    for name in tree.files:
        path = PurePosixPath(name)
        known = re.search(r"_annotations\.|\.coco\.json$|(^|/)instances_\w+\.json$", name)
        if known or (path.suffix.lower() in (".xml", ".txt") and path.stem in photos):
            return f" and annotations of objects ({name!r})"
    return ""


def _read_splits(tree: _Tree, splits: dict[str, str], layout: Layout) -> None:
    """Read train/cat/1.jpg, test/cat/2.jpg; a split's folder without class folders is left out."""
    if "train" not in splits.values():
        raise UserError(
            f"the source has folders of splits ({', '.join(sorted(splits))}), but none of training "
            "photos; add it, or give one folder per class"
        )
    classes: set[str] = set()
    inside: dict[str, str] = {}  # each split's folder, with those that wrap its class folders
    for top in sorted(splits, key=lambda top: splits[top] != "train"):
        inside[top], folders = _unwrapped(top, tree, classes)
        _refuse_mixed(inside[top], folders)
        if splits[top] == "train":
            classes |= folders.keys() - {""}
        elif not folders.keys() & classes and len(folders) == 1:
            inside[top] = ""  # say, test/1.jpg or test/unknown/1.jpg
        elif unknown := sorted(folders.keys() - classes):
            raise UserError(
                f"the source's {top} has classes that no training photo has: {_some(unknown)}; "
                f"rename or remove them, or {_MANIFEST}"
            )
    if not classes:
        raise _no_classes(f"folders of splits ({', '.join(sorted(splits))}){_detection(tree)}")
    for top, split in splits.items():
        labelled = classes if split != "unlabelled" else set()
        for name in (f"{top}/{below}" for below in tree.tops[top]):
            label, slash, _ = name.removeprefix(inside[top]).partition("/")
            if slash and label in labelled:
                layout.members[name] = Member(label, split)
            elif inside[top] and labelled:
                layout.rejected[name] = "not in a class folder"
            else:
                layout.rejected[name] = f"unlabelled: {top} has no class folders"


def _unwrapped(top: str, tree: _Tree, classes: set[str]) -> tuple[str, dict[str, list[str]]]:
    """Return a split's folder with those that wrap its class folders, and its photos by folder.

    Wrapping are training_set/training_set/ and test/images/.
    """
    inside, files = f"{top}/", tree.tops[top]
    while True:
        folders = tree.folders(files)
        only = next(iter(folders))
        deeper = any(name.count("/") > 1 for name in folders[only])
        wraps = deeper or only.lower() in GENERIC or split_of(only)
        if len(folders) > 1 or not only or only in classes or not wraps:
            return inside, folders
        inside += f"{only}/"
        files = [name.removeprefix(f"{only}/") for name in files if name.startswith(f"{only}/")]


def _refuse_mixed(inside: str, folders: dict[str, list[str]]) -> None:
    if "" in folders and len(folders) > 1:
        raise UserError(
            f"the source's {inside} has photos ({_some(folders[''])}) beside the folders "
            f"{_some(sorted(folders.keys() - {''}))}; move them into their class's folder, or "
            f"{_MANIFEST}"
        )


def _refuse_one(tree: _Tree) -> None:
    """Refuse a single folder whose name is no class's, or with annotations of objects."""
    if len(tree.tops) == 1 and ({*tree.tops} <= GENERIC or _detection(tree)):
        raise _no_classes(f"one folder of photos ({_some(list(tree.tops))}){_detection(tree)}")


def _refuse_folds(tree: _Tree) -> None:
    tops = {top: set(tree.folders(files)) for top, files in tree.tops.items()}
    if len(tops) < 2:
        return
    folds = all(map(_FOLD.fullmatch, tops))
    pieces = all(map(_PIECE.fullmatch, tops)) and len(set.intersection(*tops.values()) - {""}) > 1
    if folds or pieces:
        raise UserError(
            f"the source's folders {_some(sorted(tops))} look like folds or pieces of one data "
            f"set, not like classes; give one folder per class, or {_MANIFEST}, which may have a "
            "column split or group"
        )


def _refuse_masks(tree: _Tree) -> None:
    """Refuse images/1.jpg beside masks/1.png, and the like."""
    names = {re.sub("[^a-z]", "", top.lower()) for top in tree.tops}
    if names & _ANNOTATIONS and names & GENERIC and names <= _ANNOTATIONS | GENERIC:
        raise _no_classes(f"photos and their annotations ({_some(sorted(tree.tops))})")


def _refuse_itself(tree: _Tree) -> None:
    """Refuse cat, dog and data/cat, data/dog side by side."""
    for top, files in tree.tops.items():
        siblings = tree.tops.keys() - {top}
        folders = tree.folders(files)
        again = siblings & folders.keys()
        if "" not in folders and again and 2 * len(again) >= len(siblings):
            raise UserError(
                f"the source has {_some(sorted(again))} and, inside {top!r}, folders of the same "
                f"names: a data set inside itself; give the path of the one that is meant, or "
                f"{_MANIFEST}"
            )


def _read_classes(tree: _Tree, layout: Layout) -> None:
    """Read cat/1.jpg, and cat/train/1.jpg where classes are split inside."""
    inner = _split_inside(tree)
    for top, files in tree.tops.items():
        if not files:
            layout.members[f"{top}/"] = Member(top)
        for name in files:
            split = split_of(name.partition("/")[0]) if inner and "/" in name else ""
            if split == "unlabelled" or (inner and "/" not in name):
                layout.rejected[f"{top}/{name}"] = "in no split, as its class's other photos"
            else:
                layout.members[f"{top}/{name}"] = Member(top, split)


def _split_inside(tree: _Tree) -> bool:
    """Tell whether each class has folders of splits, and nothing beside them."""
    folders = {top: set(tree.folders(files)) for top, files in tree.tops.items() if files}
    kinds = {top: set(map(split_of, names)) for top, names in folders.items()}
    if all(len(found & set(SPLITS)) < 2 for found in kinds.values()):
        return False  # a class may have a folder called train
    for top, names in sorted(folders.items()):
        if other := sorted(name for name in names if not split_of(name)):
            seen = f"{top}/{other[0]}/" if other[0] else f"photos beside the folders of {top}/"
            raise UserError(
                f"the source has folders of splits inside its classes, but also {seen}; remove or "
                f"rename one or the other, or {_MANIFEST}"
            )
    return True


def _some(names: list[str], shown: int = 4) -> str:
    return ", ".join(map(repr, names[:shown])) + ", …" * (len(names) > shown)
