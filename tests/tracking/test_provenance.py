"""What git knows of a project, in whatever shape its clone is."""

import os
import subprocess
from pathlib import Path

import pytest
from pipeline.project import copy_project

from animals10 import files
from animals10.errors import UserError
from animals10.tracking import provenance

LOCK = "schema: '2.0'\nstages: {}\n"
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


def git(*arguments: str) -> None:
    subprocess.run(["git", *AUTHOR, *arguments], check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project below a folder of a larger repository, with two commits of its dvc.lock."""
    folder = tmp_path / "large/ml/animals"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "large")
    git("init", "--quiet", "--initial-branch", "main")
    monkeypatch.chdir(folder)
    for text in (LOCK, LOCK + "# again\n"):
        Path("dvc.lock").write_text(text)
        git("add", "--all")
        git("commit", "--quiet", "--message", "results")
    return folder


@pytest.mark.usefixtures("clone")
def test_paths_count_from_the_projects_folder() -> None:
    first, last = provenance.commits("--all")
    assert provenance.revision() == last
    assert provenance.read(first, "dvc.lock") == LOCK
    assert provenance.read(last, "dvc.lock") == provenance.read("", "dvc.lock") != LOCK
    assert provenance.read(first, "params.yaml") == provenance.read("", "params.yaml") == ""


def test_a_clone_without_blobs_gets_those_it_needs(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("config", "uploadpack.allowFilter", "true")
    url = f"file://{tmp_path / 'large'}"
    git("clone", "--quiet", "--filter=blob:none", url, str(tmp_path / "partial"))
    monkeypatch.chdir(tmp_path / "partial/ml/animals")
    first, _ = provenance.commits("--all")
    assert provenance.read(first, "dvc.lock") == LOCK


def test_what_is_no_repository_has_no_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert provenance.commits("--all") == []
    assert provenance.revision() == "unknown"


def test_another_users_repository_is_one_line(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid():
        pytest.skip("only root gives files away")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for path in [tmp_path / "large", *(tmp_path / "large").rglob("*")]:
        os.chown(path, 65534, 65534)
    with pytest.raises(UserError, match=r"dubious ownership.*; run `git config --global --add saf"):
        provenance.commits("--all")
    assert provenance.revision() == "unknown"


def test_a_dependency_has_the_digest_that_dvc_writes(finished: Path) -> None:
    """Files, folders of code and folders that are outputs."""
    stages = files.own_lock(finished)["stages"]
    locked = {dep["path"]: dep["md5"] for each in stages.values() for dep in each.get("deps", [])}
    assert {"src/animals10/training", "data/_stages/split/cnn/train", "versions.txt"} <= set(locked)
    assert {path: files.dependency_md5(finished / path) for path in locked} == locked


def test_what_is_planned_is_what_dvc_will_lock(finished: Path) -> None:
    """The digests that a running stage is recorded under are those of the lock after it."""
    plan, locked = provenance.planned(finished), files.own_lock(finished)
    assert provenance.identity(plan) == provenance.identity(locked)
    assert provenance.evaluated(plan) == provenance.evaluated(locked)


def test_another_version_of_the_code_in_a_package_is_another_identity(
    finished: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    copy_project(finished, project)
    before = provenance.identity(provenance.planned(project))
    for name, changed in (("tracking/store.py", False), ("training/__init__.py", True)):
        (project / "src/animals10" / name).write_text("# edited\n")
        after = provenance.identity(provenance.planned(project))
        assert (after["code"] != before["code"]) == changed
        assert {**after, "code": ""} == {**before, "code": ""}
