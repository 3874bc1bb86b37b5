"""What the names of files and folders tell: photos, splits, what no user made."""

import re
import unicodedata
from pathlib import PurePosixPath

from animals10.errors import UserError

SPLITS = ("train", "validation", "test")
# Folders that macOS, Synology's servers, Linux's file systems and Windows leave.
_BOOKKEEPING = (
    *("__MACOSX", "@eaDir", "#recycle", "#snapshot"),
    *("lost+found", "$RECYCLE.BIN", "System Volume Information"),
)
PHOTO = re.compile(
    r"\.(jpe?g|jpe|jfif|png|gif|webp|bmp|tiff?|hei[cf]|avif|jp2|j2k|jxl|ppm|pgm|svg|dng|nef|cr2)$",
    re.IGNORECASE,
)
_DOCUMENT = re.compile(
    r"\.(txt|csv|tsv|jsonl?|xml|ya?ml|toml|ini|cfg|log|md|rst|html?|pdf|docx?|xlsx?|pptx?|py|ipynb|m"
    r"|mat|np[yz]|h5|hdf5|pkl|pth?|onnx|names|data|db|sqlite|sh|bat|url|lnk|css|js)$"
    r"|(^|/)(README|LICEN[CS]E|COPYING|NOTICE|AUTHORS|CHANGELOG|Makefile|\w+SUMS?)[^/.]*$",
    re.IGNORECASE,
)
ANNOTATIONS = {
    "annotation", "annotations", "bbox", "bboxes", "imagesets", "labels", "mask", "masks",
    "segmentationclass", "segmentationobject", "trimaps", "xmls",
}  # fmt: skip
_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "evaluation"), "test"),
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


def may_be_photo(name: str) -> bool:
    """Tell whether a file's name may be a photo's: it is no document's, nor an annotation's."""
    folders = {re.sub("[^a-z]", "", part.lower()) for part in PurePosixPath(name).parts[:-1]}
    return bool(PHOTO.search(name)) or not (_DOCUMENT.search(name) or folders & ANNOTATIONS)


def split_words(name: str) -> tuple[set[str], frozenset[str]]:
    """Return the splits that a name's words stand for, and its other words but usual affixes."""
    words = re.findall("[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", name).lower())
    words = [re.sub(r"^(train|training|test|val|valid)(set|data|images|imgs)$", r"\1", word)
             for word in words]  # fmt: skip
    splits = {_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS}
    return splits, frozenset(words) - _AFFIXES - _SPLIT_WORDS.keys()


def split_of(name: str) -> str:
    """Return the split that a folder's or manifest's name stands for, "unlabelled", or ""."""
    splits, others = split_words(name)
    return splits.pop() if len(splits) == 1 and not others else ""


def require_distinct(labels: set[str]) -> None:
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
