"""Charts of the report, as SVG to stand within a page: they take colours and fonts from it."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for those of the page, which differ between dark and light.
_INK, _RULE = "#010203", "#040506"
_SERIES = {"cnn": "#0a0001", "frozen": "#0a0002", "finetuned": "#0a0003"}
_MARKERS = {"cnn": "o", "frozen": "s", "finetuned": "^"}  # which tell models apart without colours
_PAGE = {_INK: "currentColor", _RULE: "var(--rule)"} | {
    colour: f"var(--{model})" for model, colour in _SERIES.items()
}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text, in the page's font
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_FEWEST = 5  # photos of a bin of confidence
# Of the second curve of a model: its marker, hollow, tells it from other models' without colours.
_DASHED = {"linestyle": "--", "markerfacecolor": "none"}


def learning_curves(histories: dict[str, pd.DataFrame], what: str, label: str) -> str:
    """Draw a figure of each epoch, of training dashed, of validation solid.

    Args:
        histories: by model, columns epoch, and what and val_<what>.
        what: loss or accuracy.
        label: of the vertical axis.
    """
    from matplotlib.ticker import MaxNLocator  # here, since it takes half a second to import

    with _chart(f"{label} of each epoch", "epoch", label) as axes:
        for model, table in histories.items():
            style = _style(model, len(table))
            axes.plot(table["epoch"], table[f"val_{what}"], label=model, **style)
            axes.plot(table["epoch"], table[what], **style | _DASHED)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
        return _svg(axes)


def calibration(curves: dict[str, pd.DataFrame]) -> str:
    """Draw accuracy against confidence, where there are enough photos for it to mean something.

    Args:
        curves: by model, columns confidence, accuracy and photos.
    """
    with _chart("accuracy against confidence", "confidence", "accuracy") as axes:
        axes.plot([0, 1], [0, 1], ":", color=_INK, label="calibrated")
        for model, table in curves.items():
            enough = table[table["photos"] >= _FEWEST]
            axes.plot(enough["confidence"], enough["accuracy"], label=model, **_style(model))
        axes.legend()
        return _svg(axes)


def thresholds(curves: dict[str, pd.DataFrame]) -> str:
    """Draw accuracy, solid, and coverage, dashed, against the threshold.

    Args:
        curves: by model, columns threshold, accuracy and coverage.
    """
    with _chart("accuracy and coverage against threshold", "threshold", "fraction") as axes:
        for model, table in curves.items():
            style = _style(model, len(table))
            axes.plot(table["threshold"], table["accuracy"], label=model, **style)
            axes.plot(table["threshold"], table["coverage"], **style | _DASHED)
        axes.legend()
        return _svg(axes)


def robustness(table: pd.DataFrame, corruption: str) -> str:
    """Draw accuracy against the strength of a corruption.

    Args:
        table: columns model, corruption, strength and accuracy.
        corruption: the one to draw.
    """
    with _chart(f"accuracy under {corruption}", "strength", "accuracy", (2.9, 2.3)) as axes:
        rows = table[table["corruption"] == corruption]
        for model, curve in rows.groupby("model", sort=False):
            axes.plot(curve["strength"], curve["accuracy"], label=model, **_style(str(model)))
        axes.set(title=corruption, ylim=(0, 1.03), xticks=sorted(set(rows["strength"])))
        # Below, since in this small chart a curve may go anywhere.
        figure = cast("Figure", axes.get_figure(root=True))
        figure.legend(loc="outside lower center", ncols=3, handlelength=1, columnspacing=1)
        return _svg(axes)


def _style(model: str, points: int = 1) -> dict[str, Any]:
    return {
        "color": _SERIES[model],
        "marker": _MARKERS[model],
        "markevery": max(1, points // 12),
    }


@contextmanager
def _chart(
    description: str, x: str, y: str, size: tuple[float, float] = (4.2, 2.9)
) -> Iterator["Axes"]:
    """Yield axes whose every setting, and so whose every byte, is the same for all users."""
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(["default", _STYLE | {"svg.hashsalt": description}]):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        axes.set(xlabel=x, ylabel=y)
        figure.set_label(description)
        yield axes


def _svg(axes: "Axes") -> str:
    """Return a chart as an element of HTML that a screen reader describes."""
    figure = cast("Figure", axes.get_figure(root=True))
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Matplotlib's names of groups are the same in each chart, and a page has each only once.
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = text.replace("<svg ", f'<svg role="img" aria-label="{figure.get_label()}" ', 1)
    for ours, theirs in _PAGE.items():
        text = text.replace(ours, theirs)
    return text
