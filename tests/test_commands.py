"""What `python -m animals10` says before any work."""

import os
import shutil
import socket
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


CONFLICT = """<<<<<<< HEAD
seed: 1
=======
seed: 2
>>>>>>> other
"""


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ("params", "dvc.yaml"),
        ("experiments", "params.yaml"),
        ("compare", "metrics/evaluate.json"),
        ("predict .", "metrics/evaluate.json"),
    ],
)
def test_a_merge_conflict_is_one_line(project: Path, arguments: str, name: str) -> None:
    (project / ".git").mkdir()
    (project / "metrics").mkdir()
    (project / name).write_text(CONFLICT)
    code, _, stderr = command(project, *arguments.split())
    assert (code, stderr.count("\n")) == (1, 1)
    assert f"{name} is damaged, say by a merge conflict; resolve it, or give `git " in stderr


def test_a_port_that_mlflow_cannot_have_is_one_line(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port in (taken.getsockname()[1], 99999):
            code, stdout, stderr = command(project, "ui", "--port", str(port))
            assert (code, stdout) == (1, "")
            assert f"cannot listen on 127.0.0.1, port {port}: " in stderr.splitlines()[-1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", ["params", "experiments"])
def test_another_users_project_is_one_line(
    project: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "GIT_CONFIG_GLOBAL", "/dev/null")
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    for path in [project, *project.rglob("*")]:
        os.chown(path, 65534, 65534)
    code, _, stderr = command(project, name)
    assert (code, stderr.count("\n")) == (1, 1)
    assert "dubious ownership" in stderr
    assert "run `git config --global --add safe.directory " in stderr


def test_a_source_that_does_not_exist_is_one_line(project: Path) -> None:
    (project / ".git").mkdir()
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("source: sample", "source: photos"))
    code, _, stderr = command(project, "params")
    assert code == 1
    assert "fetch.source = 'photos' does not exist" in stderr
