"""Pictures of the data, and the tables that DVC draws."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from animals10 import artifacts, fonts
from animals10.seeding import stream

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROWS = 5
_NAME = 13  # ems, the size of its letters
_NUMBERED = 25  # classes; with more, numbers would not fit into the cells
_TICKS = 50  # names that fit along an axis


def write_samples(path: Path, images: np.ndarray, titles: list[str]) -> None:
    """Draw a grid of images with their classes as titles.

    Args:
        path: the PNG.
        images: uint8 RGB of shape (25 or fewer, size, size, 3).
        titles: one for each image.
    """
    from matplotlib.figure import Figure  # here, since it takes half a second to import

    figure = Figure(figsize=(9, 9.6), layout="constrained")
    titles, families = fonts.legible(titles, _NAME)
    # Else ticks are made and measured, though not drawn.
    bare: dict[str, list[float]] = {"xticks": [], "yticks": []}
    grid = figure.subplots(_ROWS, _ROWS, subplot_kw=bare).flat
    for axes, image, title in zip(grid, images, titles, strict=False):
        axes.imshow(image)
        # A class may be named $a$.
        axes.set_title(title, fontsize=9, family=families, parse_math=False)
    for axes in figure.axes:
        axes.axis("off")
    figure.suptitle("Training images as the models see them")
    with artifacts.replacing(path) as temporary:
        figure.savefig(temporary, dpi=100, metadata={"Software": None})


def pick_samples(labels: np.ndarray, seed: int) -> np.ndarray:
    """Pick up to 25 images, as evenly over the classes as can be, in the order of the classes.

    Args:
        labels: int64 class indices, shape (n,).
        seed: of the choice.

    Returns:
        Row numbers, shape (25,) or fewer.
    """
    shuffled = stream("samples", seed).permutation(len(labels))
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


def confusion_figure(table: pd.DataFrame, classes: list[str], title: str) -> "Figure":
    """Draw a confusion matrix, true classes in rows.

    The cells have the counts. With more than 25 classes, they have only colours, for fractions of
    the true class; with more than 50, only some classes are named.

    Args:
        table: columns actual and predicted, a row per example.
        classes: names in the order of rows and columns.
        title: above the matrix.

    Returns:
        A figure of its own, which needs no closing.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure
    from sklearn.metrics import confusion_matrix

    few = len(classes) <= _NUMBERED
    cells = confusion_matrix(
        table["actual"], table["predicted"], labels=classes, normalize=None if few else "true"
    )
    side = min(max(8, len(classes) / 2), 14)  # inches
    figure = Figure(figsize=(side, side - 1), layout="constrained")
    axes = figure.subplots()
    # Not by ConfusionMatrixDisplay, which makes a tick for every class: 5 s for 1,000.
    norm = None if few else PowerNorm(0.5, 0, 1)  # rare confusions are seen as well
    image = axes.imshow(cells, cmap="Blues", interpolation="nearest", norm=norm)
    if few:
        _number(axes, cells)
    else:
        figure.colorbar(image, label="fraction of the true class", shrink=0.6)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(title, parse_math=False)
    _name_ticks(axes, classes)
    return figure


def _number(axes: "Axes", counts: np.ndarray) -> None:
    dark = counts > counts.max() / 2
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if dark[row, column] else "navy"
        axes.text(column, row, str(count), ha="center", va="center", color=color)


def _name_ticks(axes: "Axes", classes: list[str]) -> None:
    """Name every class along both axes, or every second, third and so on, as many as fit."""
    places = range(0, len(classes), -(-len(classes) // _TICKS))
    names, families = fonts.legible([classes[place] for place in places], _NAME)
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, names)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set(family=families, parse_math=False)
