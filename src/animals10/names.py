"""What the names of files and folders tell: photos, splits, what no user made."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

SPLITS = ("train", "validation", "test")
# Folders that macOS, Synology's servers, Linux's file systems and Windows leave.
_BOOKKEEPING = ("__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information")
PHOTO = re.compile(
    r"\.(jpe?g|jpe|jfif|png|gif|webp|bmp|tiff?|hei[cf]|avif|jp2|j2k|jxl|ppm|pgm|svg|dng|nef|cr2)$",
    re.IGNORECASE,
)
_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout"), "test"),
    **dict.fromkeys(("pred", "predict", "prediction", "unlabelled", "unlabeled"), "unlabelled"),
}
# What usually stands beside a split's name, as in seg_train, training_set, test_images, val2017.
_AFFIXES = {
    "set", "sets", "data", "dataset", "ds", "image", "images", "img", "imgs", "photo", "photos",
    "picture", "pictures", "pic", "pics", "seg", "split", "splits", "folder", "folders", "dir",
    "files", "samples", "raw", "resized", "jpg", "jpeg", "png", "final", "new",
}  # fmt: skip
# Of folders that are no class's.
GENERIC = _AFFIXES | {"jpegimages", "all"}


def tidy(name: str) -> str:
    """Write a file's name as `readable`, relative and without empty parts.

    Args:
        name: with forward slashes; a folder's ends in one.
    """
    path = str(PurePosixPath(name)) + "/" * name.endswith("/")
    return readable(path).removeprefix("./")


def readable(text: str) -> str:
    """Write a text in Unicode's composed form, on one line.

    Names on Linux may hold what a CSV cannot: bytes that are no Unicode, ends of lines.
    """
    valid = unicodedata.normalize("NFC", text).encode(errors="backslashreplace").decode()
    return re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", valid)


def hidden(name: str) -> bool:
    """Tell whether a file or folder, or one above it, is a system's and not the user's."""
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part in _BOOKKEEPING for part in parts)


def photo_test(names: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells photos by name; where no name ends as photos do, any may be one."""
    if any(map(PHOTO.search, names)):
        return lambda name: bool(PHOTO.search(name))
    return lambda name: True


def split_of(name: str) -> str:
    """Return the split that a folder's or manifest's name stands for, "unlabelled", or ""."""
    words = re.findall("[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", name).lower())
    words = [re.sub(r"^(train|training|test|val|valid)(set|data|images|imgs)$", r"\1", word)
             for word in words]  # fmt: skip
    left = [word for word in words if word not in _AFFIXES]
    return _SPLIT_WORDS.get(left[0], "") if len(left) == 1 else ""
