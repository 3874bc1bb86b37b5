"""Which class and split a file belongs to, by the folders of its data set.

One folder per class, whatever lies below, is the rule. Folders of splits (train, val, test) keep
their meaning. What can be read in two ways is refused, with what was seen and how to say what is
meant.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from animals10 import ambiguity
from animals10.ambiguity import MANIFEST, Tree, detection, no_classes, shared, some
from animals10.errors import UserError
from animals10.names import (
    ANNOTATIONS,
    GENERIC,
    PHOTO,
    SPLITS,
    may_be_photo,
    split_of,
    split_words,
)


class Member(NamedTuple):
    """What a photo is; `split` and `group` are "" where the data set does not give them."""

    label: str
    split: str = ""
    group: str = ""


@dataclass
class Layout:
    """The files of a data set by the names that they were given.

    `members` has what each photo is; also an empty class folder, whose name ends in a slash.
    `rejected` has the reasons of all other files, `notes` what the user should look at.
    """

    members: dict[str, Member] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def wrapper(names: Iterable[str]) -> str:
    """Find the folders around the class folders: archive/raw-img/ for archive/raw-img/cat/1.jpg.

    Folders that hold no photos, but documents, count for nothing.

    Args:
        names: of files and folders; a folder's ends in a slash.
    """
    names = list(names)
    files = [name for name in names if not name.endswith("/")]
    used, photos, listed = (
        {tuple(name.split("/")[:-1]) for name in some}
        for some in (files, filter(may_be_photo, files), set(names) - set(files))
    )
    filled = {parts[:depth] for parts in used for depth in range(len(parts) + 1)}
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
    tree = Tree(list(names))
    layout = Layout(rejected=dict.fromkeys(tree.beside, "not in a class folder"))
    if split_tops := _split_tops(tree):
        _read_splits(tree, split_tops, layout)
    else:
        ambiguity.refuse(tree)
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


def _split_tops(tree: Tree) -> dict[str, str]:
    """Return each top folder's split, if they are folders of splits and not classes."""
    words = {top: split_words(top) for top in tree.tops if tree.tops[top]}
    given = {top: next(iter(splits)) for top, (splits, _) in words.items() if len(splits) == 1}
    rests = sorted((words[top][1] for top in given), key=len)
    nested = all(less <= more for less, more in zip(rests, rests[1:], strict=False))
    others = [top for top in words if top not in given]
    # As in rps, rps-test-set, rps-validation.
    if given and "train" not in given.values() and len(others) == 1 and nested:
        given |= {top: "train" for top in others if words[top][1] == rests[-1] != frozenset()}
        others = [top for top in others if top not in given]
    if len(set(given.values())) > 1 and nested and not others:
        return given
    pure = {splits for top in words if (splits := split_of(top))}
    common = shared(tree)
    split = [top for top, (splits, _) in words.items() if splits]
    flat = all(set(tree.folders(tree.tops[top])) == {""} for top in split)
    # Of many flat folders, two may be classes of these names.
    doubtful = len(pure) > 1 and (not flat or 2 * len(split) >= len(words))
    if doubtful or (split and len(common) > 1):
        raise UserError(
            f"the source has folders that look like splits ({some(split)}), but also "
            f"{some([top for top in words if top not in split] or split)}, so that what is a "
            f"class is not clear; name folders of splits train, val and test alone, or {MANIFEST}"
        )
    return {}


def _read_splits(tree: Tree, splits: dict[str, str], layout: Layout) -> None:
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
        require_names(classes | folders.keys())
        if splits[top] == "train":
            classes |= folders.keys() - {""}
        elif not folders.keys() & classes and len(folders) == 1:
            inside[top] = ""  # say, test/1.jpg or test/unknown/1.jpg
        elif unknown := sorted(folders.keys() - classes):
            raise UserError(
                f"the source's {top} has classes that no training photo has: {some(unknown)}; "
                f"rename or remove them, or {MANIFEST}"
            )
    if not classes:
        raise no_classes(f"folders of splits ({', '.join(sorted(splits))}){detection(tree)}")
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


def _unwrapped(top: str, tree: Tree, classes: set[str]) -> tuple[str, dict[str, list[str]]]:
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
    loose = [name for name in folders.get("", []) if PHOTO.search(name)]
    if loose and len(folders) > 1:
        raise UserError(
            f"the source's {inside} has photos ({some(loose)}) beside the folders "
            f"{some(sorted(folders.keys() - {''}))}; move them into their class's folder, or "
            f"{MANIFEST}"
        )


def _read_classes(tree: Tree, layout: Layout) -> None:
    """Read cat/1.jpg, and cat/train/1.jpg where classes are split inside."""
    inner = _split_inside(tree)
    if not inner:
        ambiguity.refuse_deeper_splits(tree)
    layout.notes += _doubts(tree)
    for top, files in tree.tops.items():
        if not files:
            layout.members[f"{top}/"] = Member(top)
        for name in files:
            split = split_of(name.partition("/")[0]) if inner and "/" in name else ""
            if split == "unlabelled" or (inner and "/" not in name):
                layout.rejected[f"{top}/{name}"] = "in no split, as its class's other photos"
            else:
                layout.members[f"{top}/{name}"] = Member(top, split)


def _split_inside(tree: Tree) -> bool:
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
                f"rename one or the other, or {MANIFEST}"
            )
    return True


def _doubts(tree: Tree) -> list[str]:
    """Say what is read by the rule, but may be meant otherwise."""
    doubts = []
    if len(common := sorted(shared(tree))) > 1:
        doubts.append(f"each class has the same folders ({some(common)}); the outer ones are it")
    inside = {name for files in tree.tops.values() for name in tree.folders(files)}
    if masks := sorted(name for name in inside if name.lower() in ANNOTATIONS):
        doubts.append(f"folders within classes are read as photos: {some(masks)}")
    return doubts
