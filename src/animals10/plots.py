"""Pictures of the data, and the tables that DVC draws."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from animals10 import artifacts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROWS = 5


def write_samples(path: Path, images: np.ndarray, titles: list[str]) -> None:
    """Draw a grid of images with their classes as titles.

    Args:
        path: the PNG.
        images: uint8 RGB of shape (25 or fewer, size, size, 3).
        titles: one for each image.
    """
    from matplotlib.figure import Figure  # here, since it takes half a second to import

    figure = Figure(figsize=(9, 9.6), layout="constrained")
    for axes, image, title in zip(figure.subplots(_ROWS, _ROWS).flat, images, titles, strict=False):
        axes.imshow(image)
        axes.set_title(title, fontsize=9, parse_math=False)  # a class may be named $a$
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


def confusion_figure(table: pd.DataFrame, classes: list[str], title: str) -> "Figure":
    """Draw a confusion matrix, true classes in rows, with the counts.

    Args:
        table: columns actual and predicted, a row per example.
        classes: names in the order of rows and columns.
        title: above the matrix.

    Returns:
        A figure of its own, which needs no closing.
    """
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    figure = Figure(figsize=(8, 7), layout="constrained")
    counts = confusion_matrix(table["actual"], table["predicted"], labels=classes)
    axes = figure.subplots()
    display = ConfusionMatrixDisplay(counts, display_labels=classes)
    display.plot(ax=axes, cmap="Blues", xticks_rotation=45, colorbar=False)
    axes.set(title=title, xlabel="predicted class", ylabel="true class")
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)
    return figure
