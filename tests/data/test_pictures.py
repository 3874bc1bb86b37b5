"""Pictures of many classes, and of classes with any names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from animals10.data import pictures
from animals10.evaluation.pictures import confusion_figure

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
    figure = confusion_figure(table_of(NAMES), NAMES, "$model$, on test")
    figure.savefig(tmp_path / "confusion.png")
    assert len(figure.axes[0].get_xticklabels()) == len(NAMES)
    for names in (NAMES[:25], NAMES[25:]):
        images = np.zeros((25, 8, 8, 3), np.uint8)
        pictures.write_samples(tmp_path / "samples.png", images, np.arange(25), names, seed=1)


def test_long_names_leave_room_for_the_matrix() -> None:
    widths = []
    for length in (20, 200):
        names = [letter * length for letter in "abcdWLM猫고"]
        figure = confusion_figure(table_of(names), names, "title")
        figure.draw_without_rendering()
        widths.append(figure.axes[0].get_window_extent().width)
    assert min(widths) > 0.4 * figure.bbox.width


def test_few_classes_have_their_counts_in_the_cells() -> None:
    classes = numbered(25)
    table = table_of(classes)
    axes = confusion_figure(table, classes, "title").axes[0]
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
    figure = confusion_figure(table, classes, "title")
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
    axes = confusion_figure(table_of(classes), classes, "title").axes[0]
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


RARE = "\U00010000"  # of Linear B: no font here has it
# Lists the installed fonts before another one is, as matplotlib's cache does.
SCRIPT = """
import sys, shutil
from pathlib import Path
from matplotlib import font_manager
from matplotlib.figure import Figure
from animals10.data.pictures import legible
font, target = map(Path, sys.argv[1:])
shutil.copy(font, target)
names, families = legible(["\U00010000 cat", "dog"])
print(ascii(names), families)
figure = Figure()
figure.text(0, 0, names[0], family=families)
figure.draw_without_rendering()
"""


def make_font(path: Path) -> None:
    """Write a font whose only character is RARE."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 800), (800, 800), (800, 0)):
        pen.lineTo(point)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "rare"])
    builder.setupCharacterMap({ord(RARE): "rare"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "rare": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "rare": (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Rare Sans", "styleName": "Regular"})
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    builder.save(path)


def test_a_font_installed_since_the_fonts_were_listed_is_found(tmp_path: Path) -> None:
    make_font(tmp_path / "rare.ttf")
    (tmp_path / "fonts").mkdir()
    script = [sys.executable, "-W", "error", "-c", SCRIPT]
    output = subprocess.run(
        [*script, tmp_path / "rare.ttf", tmp_path / "fonts"],
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "src")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert output.stdout == "['\\U00010000 cat', 'dog'] ['sans-serif', 'Rare Sans']\n"
    assert output.stderr == ""


def test_what_no_font_has_is_an_escape() -> None:
    names, families = pictures.legible([f"{RARE} cat", "é"])
    assert names == [r"\U00010000 cat", "é"]
    assert families == ["sans-serif"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("new\nline", r"new\nline"),
        ("tab\tname", r"tab\tname"),
        ("a\u2028b", r"a\u2028b"),
        ("back\\slash", "back\\slash"),
        ("$math$", "$math$"),
        ("trail ", "trail "),
        ("", ""),
    ],
)
def test_names_stay_on_one_line(name: str, shown: str) -> None:
    assert pictures.legible([name]) == ([shown], ["sans-serif"])


def test_beginning_and_end_of_a_long_name_are_shown() -> None:
    (name,), _ = pictures.legible(["the first breed of many, number 17"])
    assert name == "the first …number 17"
