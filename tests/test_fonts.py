"""Names in pictures, with whatever fonts the machine has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.figure import Figure

from animals10 import fonts

RARE = "\U0010fffd"  # of private use: no font has it
# Lists the installed fonts before another one is, as matplotlib's cache does.
SCRIPT = """
import sys, shutil
from pathlib import Path
from matplotlib import font_manager
from matplotlib.figure import Figure
from animals10 import fonts
font, target = map(Path, sys.argv[1:])
shutil.copy(font, target)
names, families = fonts.legible(["\U0010fffd cat", "dog"], 13)
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
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "PYTHONPATH": "src"},
        cwd=Path(__file__).parent.parent,
        check=True,
        capture_output=True,
        text=True,
    )
    assert output.stdout == "['\\U0010fffd cat', 'dog'] ['sans-serif', 'Rare Sans']\n"
    assert output.stderr == ""


def test_what_no_font_has_is_an_escape() -> None:
    names, families = fonts.legible([f"{RARE} cat", "é"], 13)
    assert names == [r"\U0010fffd cat", "é"]
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
    assert fonts.legible([name], 13) == ([shown], ["sans-serif"])


@pytest.mark.parametrize("letter", ["l", "W", "L", "猫", "고", "é", RARE])
def test_long_names_are_cut_to_the_same_width(letter: str) -> None:
    (name,), families = fonts.legible([letter * 200], 13)
    figure = Figure(dpi=72)
    text = figure.text(0, 0, name, family=families, fontsize=10)
    figure.draw_without_rendering()
    width = text.get_window_extent().width
    assert 105 < width < 137  # pixels, of which an em has 10


def test_beginning_and_end_of_a_long_name_are_shown() -> None:
    (name,), _ = fonts.legible(["the first breed of many, number 17"], 13)
    assert name.startswith("the first")
    assert name.endswith(" number 17")
    assert "…" in name
