"""A picture of the training images, the counts that DVC draws, and class names in any picture."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from animals10 import files
from animals10.images.stored import ArchivedImages

_ROWS = 5
_LONGEST = 20  # characters of a name


def write_samples(
    path: Path,
    images: np.ndarray | ArchivedImages,
    labels: np.ndarray,
    classes: list[str],
    seed: int,
) -> None:
    """Draw a grid of up to 25 images with their classes as titles.

    Args:
        path: the PNG.
        images: uint8 RGB of shape (n, size, size, 3).
        labels: int64 class indices, shape (n,).
        classes: names of the classes.
        seed: of the choice.
    """
    from matplotlib.figure import Figure  # here, since it takes half a second to import

    figure = Figure(figsize=(9, 9.6), layout="constrained")
    names, families = legible(classes)
    # Else ticks are made and measured, though not drawn.
    bare: dict[str, list[float]] = {"xticks": [], "yticks": []}
    grid = figure.subplots(_ROWS, _ROWS, subplot_kw=bare).flat
    rows = pick_samples(labels, seed)
    for axes, image, label in zip(grid, images[rows], labels[rows], strict=False):
        axes.imshow(image)
        # A class may be named $a$.
        axes.set_title(names[label], fontsize=9, family=families, parse_math=False)
    for axes in figure.axes:
        axes.axis("off")
    figure.suptitle("Training images as the models see them")
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=100, metadata={"Software": None})


def pick_samples(labels: np.ndarray, seed: int) -> np.ndarray:
    """Pick up to 25 images, as evenly over the classes as can be, in the order of the classes.

    Args:
        labels: int64 class indices, shape (n,).
        seed: of the choice.

    Returns:
        Row numbers, shape (25,) or fewer.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    rank = pd.Series(labels[shuffled]).groupby(labels[shuffled]).cumcount().to_numpy()
    chosen = shuffled[np.argsort(rank, kind="stable")][: _ROWS * _ROWS]
    return chosen[np.argsort(labels[chosen], kind="stable")]


def images_per_class(splits: pd.DataFrame) -> pd.DataFrame:
    """Count images.

    Args:
        splits: columns label and split.

    Returns:
        Columns label, split, images; a row for each class and split.
    """
    return splits.groupby(["label", "split"]).size().rename("images").reset_index()


def legible(names: Sequence[str]) -> tuple[list[str], list[str]]:
    r"""Return names as a picture can show them: short, on one line, in glyphs of installed fonts.

    Returns:
        The names, where a character that no font has is an escape such as \u732b; and the
        families of the fonts: matplotlib takes the first that has a character.
    """
    characters = frozenset("".join(names))
    families, missing = _families(characters)
    escapes = {
        ord(character): character.encode("unicode_escape").decode()
        for character in characters
        if character in missing or not character.isprintable()
    }
    return [_shortened(name.translate(escapes)) for name in names], families


def _shortened(name: str) -> str:
    half = _LONGEST // 2
    return name if len(name) <= _LONGEST else f"{name[:half]}…{name[1 - half :]}"


@cache
def _families(characters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Return families of installed fonts that have the characters, and those that none has."""
    from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, fontManager

    families = ["sans-serif"]
    missing = characters - _glyphs(findfont(FontProperties()), 0, characters)
    if missing:
        # Matplotlib lists fonts only once.
        for path in sorted(set(findSystemFonts()) - {font.fname for font in fontManager.ttflist}):
            with suppress(Exception):  # of many kinds: damaged, or of bitmaps
                fontManager.addfont(path)
    regular = [
        font for font in fontManager.ttflist
        if font.style == "normal" and font.weight in (400, "normal", "regular")
        and "Last Resort" not in font.name  # it has boxes for all characters
    ]  # fmt: skip
    for font in sorted(regular, key=lambda font: ("Sans" not in font.name, font.name)):
        if found := _glyphs(font.fname, font.index, missing):
            families.append(font.name)
            missing -= found
    return families, missing


def _glyphs(path: str, index: int, characters: frozenset[str]) -> frozenset[str]:
    """Return which of the characters a font has."""
    from matplotlib.ft2font import FT2Font

    if not characters:
        return characters
    try:
        font = FT2Font(path, face_index=index)
    except (OSError, RuntimeError):  # removed since matplotlib listed it, or damaged
        return frozenset()
    return frozenset(each for each in characters if font.get_char_index(ord(each)))
