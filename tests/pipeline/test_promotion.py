"""A champion from a real experiment, beside what git and DVC do."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import picture
from pipeline.killing import fingerprint
from pipeline.project import Shell, copy_project, shell_in, stages_run

COMMAND = ("env", "PYTHONPATH=src", "MLFLOW_TRACKING_URI=nonsense://x", "python", "-m", "animals10")


@pytest.fixture(scope="module")
def project(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shell]:
    """Copy the finished project, and promote an experiment whose files only DVC's cache has."""
    folder = tmp_path_factory.mktemp("promotion") / "project"
    copy_project(finished, folder)
    shell = shell_in(folder)
    shell("dvc", "exp", "save", "--name", "brave-cat")
    for place in ("models", "data", "metrics"):
        shutil.rmtree(folder / place)
    champion, before, registry = shell(*COMMAND, "promote", "brave-cat").splitlines()
    assert champion.startswith("champion is version 1, ")
    assert " of brave-cat, validation accuracy 0." in champion
    assert before == "there was none before"
    assert registry.endswith("`make sync` completes the registry")
    shell("git", "checkout", "--quiet", ".")
    shell("dvc", "checkout")
    return folder, shell


def test_neither_git_nor_dvc_sees_or_removes_the_champion(project: tuple[Path, Shell]) -> None:
    folder, shell = project
    before = champions(folder)
    assert len(before) == 2 * 5
    assert shell("git", "status", "--porcelain") == ""
    assert json.loads(shell("dvc", "status", "--json")).keys() <= {"check"}
    assert stages_run(shell("dvc", "repro")) == []
    shell("dvc", "exp", "run", "fetch", "-S", "fetch.images_per_class=4")
    shell("git", "checkout", "--quiet", ".")
    shell("dvc", "checkout", "--force")
    assert champions(folder) == before


def champions(folder: Path) -> dict[str, str]:
    """Return the digests of the files, those of the champion by the link as well."""
    found = fingerprint(folder).items()
    files = {path: digest for path, digest in found if path.startswith("models/champions/")}
    linked = {
        path.name: path.read_text("latin-1") for path in (folder / "models/champion").iterdir()
    }
    return {path: digest for path, digest in files.items() if "/." not in path} | linked


def test_the_champion_predicts_as_its_model_does(
    project: tuple[Path, Shell], tmp_path: Path
) -> None:
    folder, shell = project
    (tmp_path / "photo.jpg").write_bytes(picture(1))
    about = json.loads((folder / "models/champion/champion.json").read_text())
    photo = ("predict", "--json", str(tmp_path / "photo.jpg"))
    assert shell(*COMMAND, *photo) == shell(*COMMAND, *photo, "--model", about["name"])
    assert shell(*COMMAND, "champion").startswith(f"champion:  version 1, {about['name']} of brave")
    (line,) = shell(*COMMAND, "promote", "brave-cat", fails=True).splitlines()
    assert line.startswith("error: this model is champion already: version 1, ")
    assert "version 1 is the first champion" in shell(*COMMAND, "rollback", fails=True)
