from pathlib import Path

from animals10 import files


def test_a_projects_folder_is_its_own_root(tmp_path: Path) -> None:
    assert files.root(tmp_path) == tmp_path


def test_a_temporary_copy_belongs_to_its_project(tmp_path: Path) -> None:
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "standalone" / "tmp1"
    copy.mkdir(parents=True)
    assert files.root(copy) == tmp_path
