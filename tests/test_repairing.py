import subprocess
import sys
from pathlib import Path

import pytest

from animals10.errors import UserError
from animals10.repairing import repair


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path


WHOLE = "schema: '2.0'\nstages:\n  fetch:\n    cmd: python fetch.py\n"


def test_a_whole_file_is_left_alone(project: Path) -> None:
    (project / "dvc.lock").write_text(WHOLE)
    assert list(repair()) == []
    assert (project / "dvc.lock").read_text() == WHOLE


@pytest.mark.parametrize("text", ["", WHOLE[:-20], "schema: '2.0'\nstages:\n  fetch:\n    cmd: [a"])
def test_a_file_that_was_cut_off_is_moved_out_of_the_way(project: Path, text: str) -> None:
    (project / "dvc.lock").write_text(text)
    (line,) = repair()
    assert line.startswith("dvc.lock was cut off")
    assert not (project / "dvc.lock").exists()
    assert Path(line.rsplit(" ", 1)[1]).read_text() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"<<<<<<< HEAD\n{WHOLE}=======\n{WHOLE}>>>>>>> other\n", "git checkout --ours dvc.lock"),
        ("schema: '3.0'\nstages: {}\n", "has schema 3.0, and this DVC reads 2.0"),
    ],
)
def test_what_no_kill_left_is_not_touched(project: Path, text: str, message: str) -> None:
    (project / "dvc.lock").write_text(text)
    with pytest.raises(UserError, match=message):
        list(repair())
    assert (project / "dvc.lock").read_text() == text
