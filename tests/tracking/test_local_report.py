"""The report with what no hash sees."""

import json
from pathlib import Path

import pytest
from pipeline.project import copy_project, shell_in

COMMAND = ("env", "PYTHONPATH=src", "python", "-m", "animals10", "report")


@pytest.fixture(scope="module")
def project(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("local") / "project"
    copy_project(finished, folder)
    return folder


def test_times_and_commit_are_in_a_copy_alone(project: Path) -> None:
    shell = shell_in(project)
    kept = project / "data/_stages/report/report.html"
    before = kept.read_bytes()
    output = shell(*COMMAND)
    assert "the report: data/_stages/report/local.html" in output
    text = (project / "data/_stages/report/local.html").read_text(encoding="utf-8")
    commit = shell("git", "rev-parse", "HEAD").strip()
    for expected in (
        f">{commit}<", "train_cnn, minutes", "evaluate, minutes", "report, minutes",
        "cnn, milliseconds for one image", "Nothing changed: these are the results",
    ):  # fmt: skip
        assert expected in text
    assert kept.read_bytes() == before
    assert commit.encode() not in before
    assert b"milliseconds" not in before
    assert set(json.loads(shell("dvc", "status", "--json"))) <= {"check"}
    assert shell("git", "status", "--porcelain") == ""


def test_what_changed_is_compared_with_the_last_commit(project: Path) -> None:
    lock, accuracy = project / "dvc.lock", project / "metrics/accuracy.json"
    text = lock.read_text().replace("lr: 0.0001", "lr: 0.0002")
    lock.write_text(text)
    scores = json.loads(accuracy.read_text())
    before = scores["tuned"]["test"]
    scores["tuned"]["test"] = 0.125
    accuracy.write_text(json.dumps(scores))
    shell = shell_in(project)
    shell(*COMMAND)
    page = (project / "data/_stages/report/local.html").read_text(encoding="utf-8")
    assert "<li>finetune.lr: 0.0001 → 0.0002</li>" in page
    assert f"<li>tuned test: {before} → 0.125</li>" in page
    shell("git", "checkout", "--quiet", ".")


def test_without_a_report_there_is_one_line(project: Path) -> None:
    report = project / "data/_stages/report/report.html"
    report.unlink()
    output = shell_in(project)(*COMMAND, fails=True)
    assert "Traceback" not in output
    assert output.splitlines()[-1].startswith(
        "error: data/_stages/report/report.html is missing; `make repro`"
    )
