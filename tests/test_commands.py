"""What `python -m animals10` says before any work."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from pipeline.project import ENVIRONMENT


def command(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "animals10", *arguments],
        cwd=folder,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy the project's files that are not code, into no repository."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "pinned", tmp_path / "pinned")
    return tmp_path


def test_a_folder_in_no_repository_is_one_line(project: Path) -> None:
    code, _, stderr = command(project, "params")
    assert (code, stderr.count("\n")) == (1, 1)
    assert "in no git repository" in stderr
    assert "git init" in stderr
    (project / ".git").mkdir()
    assert command(project, "params") == (0, "params.yaml is valid\n", "")


def test_a_folder_that_is_no_project_is_one_line(tmp_path: Path) -> None:
    code, _, stderr = command(tmp_path, "experiments")
    assert (code, stderr.count("\n")) == (1, 1)
    assert "there is no dvc.yaml here" in stderr


def test_a_source_that_does_not_exist_is_one_line(project: Path) -> None:
    (project / ".git").mkdir()
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("source: sample", "source: photos"))
    code, _, stderr = command(project, "params")
    assert code == 1
    assert "fetch.source = 'photos' does not exist" in stderr
