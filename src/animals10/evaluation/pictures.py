"""Pictures of what the models mistake."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from animals10.data.pictures import legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NUMBERED = 25  # classes; with more, numbers would not fit into the cells
_TICKS = 50  # names that fit along an axis


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
    ticks = range(0, len(classes), -(-len(classes) // _TICKS))
    names, families = legible([classes[tick] for tick in ticks])
    axes.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, names)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set(family=families, parse_math=False)
