"""The report: what it says, of few and many classes, of any names, and that it needs nothing."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from reporting.drawn import ABOUT, HOSTILE, SCRIPTS, make, page

from animals10.evaluation import statistics, tables
from animals10.reporting import mistakes, rendering, report
from animals10.reporting.found import Found, read

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page, each closed in order, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return make(tmp_path_factory.mktemp("hostile"), HOSTILE + SCRIPTS, photos=240, skill=2)


def test_sections_come_in_the_order_of_questions(hostile: Found) -> None:
    found = [attributes.get("id") for tag, attributes in Page(page(hostile)).tags if tag == "h2"]
    assert found == [
        "models", "classes", "pairs", "mistakes", "data", "learning", "calibration", "robustness",
        "provenance",
    ]  # fmt: skip


def test_names_are_text_and_nothing_else(hostile: Found) -> None:
    parsed = Page(page(hostile))
    assert "script" not in {tag for tag, _ in parsed.tags}
    assert "i" not in {tag for tag, _ in parsed.tags}
    assert not [name for _, attributes in parsed.tags for name in attributes if name == "onload"]
    text = " ".join(parsed.words)
    for name in HOSTILE + SCRIPTS:
        assert name in text
    assert "not an image: <i>text</i>" in text


def test_the_page_asks_nobody_for_anything(hostile: Found) -> None:
    for tag, attributes in Page(page(hostile)).tags:
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/jpeg;base64,"))
        assert tag not in ("link", "script", "iframe", "object")
    assert "@import" not in page(hostile)
    assert not re.findall(r"url\((?!#)", page(hostile))


def test_every_picture_is_described(hostile: Found) -> None:
    for tag, attributes in Page(page(hostile)).tags:
        assert tag != "img" or attributes["alt"]
        assert tag != "svg" or attributes["aria-label"]


def test_every_name_of_an_element_is_there_once(hostile: Found) -> None:
    names = [attributes["id"] for _, attributes in Page(page(hostile)).tags if "id" in attributes]
    assert len(names) == len(set(names))


def test_it_is_the_same_each_time_and_for_each_user(
    hostile: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib as mpl

    before = page(hostile)
    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "red", "font.size": 30}):
        assert page(hostile) == before
    assert "Date" not in before
    again = make(tmp_path, HOSTILE + SCRIPTS, photos=240, skill=2)
    assert page(again) == before


def test_the_figures_are_those_of_the_files(hostile: Found) -> None:
    shown = report.describe(hostile)
    best = tables.best(hostile.scores)
    test = hostile.predictions[hostile.predictions["split"] == "test"]
    assert shown["best"] == best
    for model, scores in hostile.scores.items():
        row = shown["compared"][model]
        assert row["accuracy"] == pytest.approx(scores["test"]["accuracy"], abs=1e-6)
        assert row["macro_f1"] == pytest.approx(scores["test"]["macro_f1"], abs=1e-6)
        assert row["validation"] == pytest.approx(scores["validation"]["accuracy"], abs=1e-6)
        assert row["interval"].low < row["accuracy"] <= row["interval"].high
    assert len(shown["tests"]) == 15
    assert shown["mistakes"] == (test[best] != test["label"]).sum()
    assert sum(pair["count"] for pair in shown["pairs"]) <= shown["mistakes"]
    worst = shown["classes"][0]
    assert worst["f1"][best] == min(row["f1"][best] for row in shown["classes"])
    assert shown["data"]["reasons"] == [("too small", 2), ("not an image: <i>text</i>", 1)]


def test_the_verdict_says_what_the_test_says(hostile: Found) -> None:
    shown = report.describe(hostile)
    first, second, *_ = tables.by_validation(hostile.scores)
    test = hostile.predictions[hostile.predictions["split"] == "test"]
    right = [(test[name] == test["label"]).to_numpy() for name in (first, second)]
    p = statistics.mcnemar(*right).p
    assert shown["verdict"].startswith(f"{first} is the best model on validation")
    assert ("significantly" in shown["verdict"]) == (p < 0.05)
    assert rendering.p_value(p) in shown["verdict"]
    assert shown["verdict"].count(". ") == 0  # one sentence


def test_the_most_confident_mistakes_come_first(hostile: Found) -> None:
    test = hostile.predictions[hostile.predictions["split"] == "test"].reset_index(drop=True)
    rows = mistakes.pick(test, "cnn")
    assert len(rows) == min(12, (test["cnn"] != test["label"]).sum())
    assert (test["cnn"] != test["label"])[rows].all()
    assert (np.diff(test["cnn_probability"][rows]) <= 0).all()


def test_of_mistakes_that_look_alike_one_is_shown(hostile: Found) -> None:
    test = hostile.predictions[hostile.predictions["split"] == "test"].reset_index(drop=True)
    alike = test.assign(group="one")
    assert list(mistakes.pick(alike, "cnn")) == [mistakes.pick(test, "cnn")[0]]


def test_photos_like_those_of_other_splits_are_in_the_verdict(hostile: Found) -> None:
    scores = {
        name: {**of_splits, "test_without_duplicates": {"accuracy": 0.125}}
        for name, of_splits in hostile.scores.items()
    }
    found = hostile._replace(scores=scores)
    assert "7 of them like photos in other splits" in report.describe(found)["verdict"]
    words = " ".join(" ".join(Page(page(found)).words).split())
    assert "without these photos: cnn 0.125, frozen 0.125" in words
    apart = hostile._replace(counts={**hostile.counts, "test_duplicates": 0})
    assert "which no model saw" in report.describe(apart)["verdict"]


def test_classes_without_test_photos_come_last_and_have_no_figures(tmp_path: Path) -> None:
    found = make(tmp_path, ["cat", "dog", "hen"])
    for each in found.reports.values():
        each["test"]["classes"]["cat"] |= {"support": 0, "f1-score": 0.0}
    last = report.describe(found)["classes"][-1]
    assert (last["name"], last["recall"], set(last["f1"].values())) == ("cat", None, {None})
    assert "| cat | 0 |" not in page(found, "report.md.j2")


def test_two_classes_and_no_mistake(tmp_path: Path) -> None:
    found = make(tmp_path, ["cat", "dog"], skill=30)
    shown = report.describe(found) | {"about": ABOUT, "examples": []}
    text = " ".join(Page(rendering.render("report.html.j2", shown)).words)
    assert "has no test photo wrong" in text
    test = found.predictions[found.predictions["split"] == "test"].reset_index(drop=True)
    rows = mistakes.pick(test, shown["best"])
    assert len(rows) == min(12, len(test))
    assert (np.diff(test[shown["best"] + "_probability"][rows]) >= 0).all()
    assert "confuses none of the test photos" in text
    assert "more classes" not in text


def test_a_thousand_classes_fit_on_a_page(tmp_path: Path) -> None:
    found = make(tmp_path, [f"class {number:04}" for number in range(1000)], photos=2000, skill=5)
    text = page(found)
    assert len(text) < 1_500_000
    before, details = text.split("the other 980 classes")
    assert before.count("<bdi>class ") < 100
    assert details.count("<bdi>class ") > 980
    assert len(page(found, "report.md.j2")) < 6000


def test_the_markdown_is_a_table_whatever_the_names(hostile: Found) -> None:
    lines = page(hostile, "report.md.j2").splitlines()
    assert lines[0].startswith("**")
    assert "<script" not in "\n".join(lines)
    assert "strength 5" in "\n".join(lines)
    blocks = "\n".join(lines).split("\n\n")
    grids = [block.splitlines() for block in blocks if block.startswith("|")]
    assert len(grids) == 5
    for grid in grids:
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in grid}
        assert len(columns) == 1
        assert re.fullmatch(r"[|-]+", grid[1])


def test_a_name_in_markdown_is_one_line_of_text() -> None:
    assert rendering.escape_markdown("a|b\n`c`*<d>") == r"a\|b \`c\`\*&lt;d&gt;"
    assert rendering.escape_markdown(3) == 3


def test_a_template_that_names_what_is_not_there_fails() -> None:
    with pytest.raises(Exception, match="'compared' is undefined|'verdict' is undefined"):
        rendering.render("report.md.j2", {})


def test_the_finished_project_has_its_report(finished: Path) -> None:
    folder = finished / "data/_stages/report"
    text = (folder / "report.html").read_text(encoding="utf-8")
    parsed = Page(text)
    scores = json.loads((finished / "metrics/evaluate.json").read_text())
    best = tables.best(scores)
    found = read(finished)
    test = found.predictions[found.predictions["split"] == "test"]
    wrong = int((test[best] != test["label"]).sum())
    pictures = [tag for tag, _ in parsed.tags if tag == "img"]
    assert len(pictures) == 4 * min(wrong, 12)
    short = (folder / "report.md").read_text()
    assert short.startswith(f"**{best} is the best model")
    assert "| logistic regression |" in short
    for outside in (str(finished), "http://", "https://"):
        assert outside not in text.replace("http://www.w3.org/", "")
    table = found.robustness
    assert set(table["model"]) == {best}
    assert set(table["strength"]) == {0, 1, 3, 5}
    clean = table[table["strength"] == 0]["accuracy"]
    assert clean.to_numpy() == pytest.approx(scores[best]["test"]["accuracy"], abs=1e-6)
