"""Pictures of many classes, and of classes with any names."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from animals10 import plots

NAMES = [
    "None", "null", "True", "NaN", "NA", "n_a", "1", "1.0", "001", "1e5", "-inf", "2024-01-01",
    "yes", "~", "a,b", 'quo"te', "'single'", "semi;colon", "#hash", "co:lon", "🐱 emoji", "猫",
    "Straße", "trail ", "C++", "$math$", "100%", "back\\slash", "tab\tname", "new\nline",
    "=SUM(A1)", "-dash", "{brace}", "${split.test}", "&amp;", "<b>bold", "L" * 200, "accuracy",
    "macro avg", "É", "train", "labels", "nul\u2028sep", "[1, 2]", "@home", "_hidden", "$_$",
    "ネコ", "고양이", "سلام",
]  # fmt: skip


def table_of(classes: list[str], seed: int = 0) -> pd.DataFrame:
    """Return three examples of each class, half of them mistaken."""
    actual = np.repeat(np.arange(len(classes)), 3)
    rng = np.random.default_rng(seed)
    other = rng.integers(0, len(classes), len(actual))
    predicted = np.where(rng.random(len(actual)) < 0.5, actual, other)
    names = np.array(classes, object)
    return pd.DataFrame({"actual": names[actual], "predicted": names[predicted]})


def numbered(count: int) -> list[str]:
    return [f"class {index}" for index in range(count)]


def test_any_name_can_be_drawn(tmp_path: Path) -> None:
    figure = plots.confusion_figure(table_of(NAMES), NAMES, "$model$, on test")
    figure.savefig(tmp_path / "confusion.png")
    assert len(figure.axes[0].get_xticklabels()) == len(NAMES)
    for names in (NAMES[:25], NAMES[25:]):
        plots.write_samples(tmp_path / "samples.png", np.zeros((25, 8, 8, 3), np.uint8), names)


def test_long_names_leave_room_for_the_matrix() -> None:
    widths = []
    for length in (20, 200):
        names = [letter * length for letter in "abcdWLM猫고"]
        figure = plots.confusion_figure(table_of(names), names, "title")
        figure.draw_without_rendering()
        widths.append(figure.axes[0].get_window_extent().width)
    assert min(widths) > 0.4 * figure.bbox.width


def test_few_classes_have_their_counts_in_the_cells() -> None:
    classes = numbered(25)
    table = table_of(classes)
    axes = plots.confusion_figure(table, classes, "title").axes[0]
    written = {text.get_position(): int(text.get_text()) for text in axes.texts}
    counts = table.value_counts(["actual", "predicted"])
    assert written == {
        (column, row): counts.get((actual, predicted), 0)
        for row, actual in enumerate(classes)
        for column, predicted in enumerate(classes)
    }


def test_more_classes_have_colours_for_fractions() -> None:
    classes = numbered(26)
    table = table_of(classes)[:-3]  # the last has no examples
    figure = plots.confusion_figure(table, classes, "title")
    axes, bar = figure.axes
    assert not axes.texts
    assert bar.get_ylabel() == "fraction of the true class"
    drawn = axes.images[0].get_array()
    assert drawn is not None
    hits = table["actual"] == table["predicted"]
    fractions = hits.groupby(table["actual"]).mean().reindex(classes, fill_value=0)
    np.testing.assert_allclose(np.diagonal(drawn), fractions)
    np.testing.assert_allclose(drawn.sum(axis=1), [1] * 25 + [0])


def test_a_thousand_classes_have_as_many_names_as_fit() -> None:
    classes = numbered(1000)
    axes = plots.confusion_figure(table_of(classes), classes, "title").axes[0]
    for places, labels in (
        (axes.get_xticks(), axes.get_xticklabels()),
        (axes.get_yticks(), axes.get_yticklabels()),
    ):
        assert len(labels) == 50
        assert [label.get_text() for label in labels] == [classes[int(each)] for each in places]
    assert len(axes.get_children()) < 30  # what is made for each cell or class takes minutes


@pytest.mark.parametrize("path", sorted((ROOT / ".dvc/plots").glob("*.json")))
def test_templates_are_of_the_version_that_dvcs_page_loads(path: Path) -> None:
    """Vega-Lite 5.2 draws nothing where an aggregate that joins names no groups."""
    template = json.loads(path.read_text(encoding="utf-8"))
    assert template["$schema"].endswith("/vega-lite/v5.json")
    for step in template.get("spec", template).get("transform", []):
        assert "groupby" in step
