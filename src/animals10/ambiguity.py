"""Folders of a data set, and what of them can be read in two ways, which is refused."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from animals10.errors import UserError
from animals10.names import ANNOTATIONS, GENERIC, PHOTO, SPLITS, may_be_photo, split_of

_PACKED = re.compile(r"\.(zip|tar|tgz|gz|bz2|xz|zst|7z|rar|parquet|tfrecords?)$", re.IGNORECASE)
_PIECES = {"part", "parts", "fold", "folds", "kfold", "batch", "chunk", "shard", "subset", "cv"}
MANIFEST = "list the photos in fetch.manifest (a CSV with columns path, label)"


class Tree:
    """The files below each top folder, and which of them look like photos.

    Attributes:
        files: all of them.
        tops: by top folder, the names of its files, from below it on; only of folders with photos,
            or with nothing at all.
        beside: files that are in no such folder.
    """

    def __init__(self, names: list[str]) -> None:
        self.files = [name for name in names if not name.endswith("/")]
        tops: dict[str, list[str]] = {}
        for name in sorted(names):
            top, slash, below = name.partition("/")
            files = tops.setdefault(top, []) if slash else []
            if below and not below.endswith("/"):
                files.append(below)
        self.tops = {
            top: files for top, files in tops.items() if not files or any(map(may_be_photo, files))
        }
        self.beside = [name for name in self.files if name.partition("/")[0] not in self.tops]

    def folders(self, files: Iterable[str]) -> dict[str, list[str]]:
        """Group photos by their first folder; those that lie beside the folders by ""."""
        found: dict[str, list[str]] = {}
        for name in filter(may_be_photo, files):
            first, slash, _ = name.partition("/")
            found.setdefault(first if slash else "", []).append(name)
        return found


def refuse(tree: Tree) -> None:
    """Refuse folders that are no classes.

    Raises:
        UserError: what was seen, and how to say what is meant.
    """
    _refuse_packed(tree)
    _refuse_loose_photos(tree)
    _refuse_one(tree)
    _refuse_folds(tree)
    _refuse_masks(tree)
    _refuse_itself(tree)


def shared(tree: Tree) -> set[str]:
    """Return the folders that each of several top folders has."""
    inside = [set(tree.folders(files)) for files in tree.tops.values() if files]
    return set.intersection(*inside) - {""} if len(inside) > 1 else set()


def _refuse_packed(tree: Tree) -> None:
    packed = [name for name in tree.files if _PACKED.search(name)]
    if packed and not any(map(PHOTO.search, tree.files)):
        raise UserError(
            f"the source has archives inside ({some(packed)}) and no photos; unpack them, each "
            "into the folder of its class, and give the folder around those"
        )


def _refuse_loose_photos(tree: Tree) -> None:
    """Refuse photos at the level of the classes."""
    loose = [name for name in tree.beside if PHOTO.search(name) and "/" not in name]
    if not loose:
        return
    seen = f"{len(loose):,} photos ({some(loose)})"
    if not tree.tops or detection(tree):
        raise no_classes(seen + (detection(tree) or " in no folder"))
    raise UserError(
        f"the source has {seen} beside the folders {some(sorted(tree.tops))}; move them into "
        f"their class's folder, or {MANIFEST}"
    )


def no_classes(seen: str) -> UserError:
    """Return the error of a source whose folders tell no classes."""
    return UserError(
        f"the source has {seen}, so that nothing tells their classes; give one folder of photos "
        f"per class, or {MANIFEST}"
    )


def detection(tree: Tree) -> str:
    """Say which annotation file of object detection there is, "" if there is none."""
    photos = {PurePosixPath(name).stem for name in tree.files if PHOTO.search(name)}
    for name in tree.files:
        path = PurePosixPath(name)
        known = re.search(r"_annotations\.|\.coco\.json$|(^|/)instances_\w+\.json$", name)
        if known or (path.suffix.lower() in (".xml", ".txt") and path.stem in photos):
            return f" and annotations of objects ({name!r})"
    return ""


def _refuse_one(tree: Tree) -> None:
    """Refuse a single folder whose name is no class's, or with annotations of objects."""
    if len(tree.tops) == 1 and ({*tree.tops} <= GENERIC or detection(tree)):
        raise no_classes(f"one folder of photos ({some(list(tree.tops))}){detection(tree)}")


def _refuse_folds(tree: Tree) -> None:
    """Refuse fold1 and fold2, part_a and part_b, and the like."""
    number = r"\d+(st|nd|rd|th)?|(?<![a-z])[a-z](?![a-z])"
    stems = {re.sub(number, "", top.lower()) for top in tree.tops}
    if len(tree.tops) > 1 and len(stems) == 1 and _PIECES & set(re.findall("[a-z]+", stems.pop())):
        raise UserError(
            f"the source's folders {some(sorted(tree.tops))} look like folds or pieces of one "
            f"data set, not like classes; give one folder per class, or {MANIFEST}, which may "
            "have a column split or group"
        )


def _refuse_masks(tree: Tree) -> None:
    """Refuse images/1.jpg beside masks/1.png, and the like."""
    names = {re.sub("[^a-z]", "", top.lower()) for top in tree.tops}
    if names & ANNOTATIONS and names & GENERIC and names <= ANNOTATIONS | GENERIC:
        raise no_classes(f"photos and their annotations ({some(sorted(tree.tops))})")


def _refuse_itself(tree: Tree) -> None:
    """Refuse cat, dog and data/cat, data/dog side by side."""
    for top, files in tree.tops.items():
        siblings = tree.tops.keys() - {top}
        folders = tree.folders(files)
        again = siblings & folders.keys()
        if "" not in folders and again and 2 * len(again) >= len(siblings):
            raise UserError(
                f"the source has {some(sorted(again))} and, inside {top!r}, folders of the same "
                f"names: a data set inside itself; give the path of the one that is meant, or "
                f"{MANIFEST}"
            )


def refuse_deeper_splits(tree: Tree) -> None:
    """Refuse folders of splits inside some folder, where they are not read as splits.

    Raises:
        UserError: naming the folder.
    """
    splits: dict[str, set[str]] = {}
    for top, files in tree.tops.items():
        for name in filter(may_be_photo, files):
            *folders, _ = f"{top}/{name}".split("/")
            for depth in range(1, len(folders)):
                found = splits.setdefault("/".join(folders[:depth]), set())
                found.add(split_of(folders[depth]))
    for folder, found in sorted(splits.items()):
        if len(found & set(SPLITS)) > 1:
            raise UserError(
                f"the source has folders of splits inside {folder!r} alone; give the path of that "
                f"folder, or {MANIFEST}"
            )


def some(names: list[str], shown: int = 4) -> str:
    """Return the first names as a message shows them."""
    return ", ".join(map(repr, names[:shown])) + ", …" * (len(names) > shown)
