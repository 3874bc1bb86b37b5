"""What a user puts into the project is never removed, and its changes are seen."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import picture
from pipeline.project import TINY, Shell, make_project, stages_run


def add_photos(folder: Path, first: int = 0) -> None:
    for number, name in enumerate(["cat", "dog"]):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(first, first + 6):
            content = picture(100 * number + index)
            (folder / name / f"{index}.jpg").write_bytes(content)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shell]:
    folder = tmp_path_factory.mktemp("own") / "project"
    # Nothing is trained here, so that each run would look for the layer once more.
    shell = make_project(folder, TINY | {"finetune": {"unfreeze": "all"}})
    for name in ("train", "validation", "test", "val", "raw-img", "images", "features"):
        add_photos(folder / "data" / name)
    add_photos(folder / "data")  # class folders
    (folder / "data/weights").mkdir()
    for name in ("photos.zip", "photos.csv", "splits.csv", "rejected.csv", "weights/own.h5"):
        (folder / "data" / name).write_bytes(b"the user's own")
    return folder, shell


def own_files(folder: Path) -> dict[str, str]:
    files = [path for path in (folder / "data").rglob("*") if path.is_file()]
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if "_stages" not in path.parts
    }


def test_no_run_removes_or_commits_what_the_user_put_into_data(
    project: tuple[Path, Shell],
) -> None:
    folder, shell = project
    before = own_files(folder)
    assert len(before) == 8 * 12 + 5
    assert stages_run(shell("dvc", "repro", "split")) == ["fetch", "split"]
    shell("git", "add", "--all")
    shell("git", "commit", "--quiet", "--message", "results")
    experiment = ("dvc", "exp", "run", "fetch", "-S")
    shell(*experiment, "fetch.images_per_class=4")
    shell("git", "checkout", "--quiet", ".")
    shell("dvc", "checkout", "--force", "check", "fetch", "split")
    assert own_files(folder) == before
    tracked = shell("git", "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    commits = shell("git", "log", "--all", "--format=", "--name-only").splitlines()
    for names in (tracked, commits):
        assert not [name for name in names if name.startswith("data/") or name.endswith(".png")]


@pytest.mark.slow
def test_no_temporary_or_queued_run_removes_what_the_user_put_into_data(
    project: tuple[Path, Shell],
) -> None:
    folder, shell = project
    before = own_files(folder)
    experiment = ("dvc", "exp", "run", "fetch", "-S")
    shell(*experiment, "fetch.images_per_class=6", "--temp")
    shell(*experiment, "fetch.images_per_class=7", "--queue", "--name", "queued")
    shell("dvc", "queue", "start")
    shell("dvc", "queue", "logs", "--follow", "queued")
    assert own_files(folder) == before


@pytest.mark.slow
def test_photos_and_a_manifest_that_changed_are_read_again(project: tuple[Path, Shell]) -> None:
    folder, shell = project
    params = folder / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("source: sample", "source: data/images"))
    assert stages_run(shell("dvc", "repro", "fetch")) == ["fetch"]
    (folder / "data/images").rename(folder / "away")
    output = shell("dvc", "repro", "fetch")
    assert stages_run(output) == []
    assert "what fetch.source names is not here" in output
    (folder / "away").rename(folder / "data/images")
    add_photos(folder / "data/images", first=6)
    assert stages_run(shell("dvc", "exp", "run", "--temp", "fetch")) == ["fetch"]
    shell("dvc", "repro", "fetch")  # from DVC's cache
    assert len(pd.read_csv(folder / "data/_stages/fetch/photos.csv")) == 24
    manifest = folder / "labels.csv"
    rows = [f"cat/{i}.jpg,{'ab'[i % 2]}\n" for i in range(12)]
    manifest.write_text("path,label\n" + "".join(rows))
    values = yaml.safe_load(params.read_text())
    values["fetch"]["manifest"] = "labels.csv"
    params.write_text(yaml.safe_dump(values))
    assert stages_run(shell("dvc", "repro", "fetch")) == ["fetch"]
    manifest.write_text("path,label\n" + "".join(rows[::-1]).replace(",a", ",c"))
    assert stages_run(shell("dvc", "repro", "fetch")) == ["fetch"]
    photos = pd.read_csv(folder / "data/_stages/fetch/photos.csv")
    assert set(photos["label"]) == {"b", "c"}


def test_photos_inside_an_output_are_refused_before_any_is_removed(
    project: tuple[Path, Shell],
) -> None:
    folder, shell = project
    add_photos(folder / "data/_stages/fetch/mine")
    before = sorted((folder / "data/_stages/fetch").rglob("*"))
    change = ("-S", "fetch.source=data/_stages/fetch/mine", "-S", "fetch.manifest=null")
    output = shell("dvc", "exp", "run", *change, fails=True)
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "inside one (data/_stages), which a stage removes" in line
    assert sorted((folder / "data/_stages/fetch").rglob("*")) == before
