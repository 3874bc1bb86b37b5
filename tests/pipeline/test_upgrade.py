"""A clone of an earlier revision, with results of its own, is pulled forward."""

import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import picture
from pipeline.project import ROOT, STAGES, TINY, shell_in, stages_run
from pipeline.test_runs import mlflow_runs

EARLIER = "2d4e3bf"  # before data lay in data/_stages
OWN = {"fetch": {"source": "photos"}}
NETWORK = {key: value for key, value in TINY["backbone"].items() if key != "image_size"}
THEN = TINY | OWN | {"backbone": NETWORK, "embed": {"views": 1}}


def write_parameters(folder: Path, changes: dict[str, Any]) -> None:
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    for key, value in changes.items():
        params[key] = params[key] | value if isinstance(value, dict) else value
    path.write_text(yaml.safe_dump(params))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the earlier pipeline, then an experiment with its split pinned."""
    if subprocess.run(["git", "cat-file", "-e", EARLIER], cwd=ROOT, check=False).returncode:
        pytest.skip("the clone is shallow")
    folder = tmp_path_factory.mktemp("upgrade") / "project"
    shell_in(ROOT)("git", "clone", "--quiet", str(ROOT), str(folder))
    shell = shell_in(folder)
    shell("git", "checkout", "--quiet", "-b", "mine", EARLIER)
    # Not of the drawn sample, whose pictures are others today.
    for number in range(50):
        photo = folder / f"photos/{number % 10}/{number}.jpg"
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.write_bytes(picture(number))
    write_parameters(folder, THEN)
    shell("dvc", "repro")
    (folder / "pinned/first.csv").write_bytes((folder / "data/splits.csv").read_bytes())
    write_parameters(folder, {"split": {"pinned": "pinned/first.csv"}})
    shell("git", "add", "--all")
    shell("git", "commit", "--quiet", "--message", "mine")
    shell("dvc", "exp", "run", "--name", "tuned", "-S", "finetune.lr=3e-5")
    shell("git", "checkout", "--quiet", ".")
    shell("dvc", "checkout", "--quiet")
    return folder


@pytest.mark.slow
def test_an_earlier_clone_keeps_its_split_and_its_record(project: Path) -> None:
    shell = shell_in(project)
    before = mlflow_runs(project).set_index("run_id")
    head = shell_in(ROOT)("git", "rev-parse", "HEAD").strip()
    shell("git", "merge", "--quiet", head, fails=True)
    command = ("env", "PYTHONPATH=src", "python", "-m", "animals10")
    output = shell(*command, "why", "models/finetuned.keras", fails=True)
    assert "dvc.lock is damaged, by a merge conflict" in output
    shell("git", "checkout", "--ours", "dvc.lock", "metrics", "plots")
    shell("git", "checkout", "--theirs", "params.yaml")
    shell("git", "rm", "--quiet", "--cached", "plots/samples.png")  # as DVC would say
    write_parameters(project, TINY | OWN | {"split": {"pinned": "pinned/first.csv"}})
    shell("git", "add", "--all")
    shell("git", "commit", "--quiet", "--message", "pulled forward")
    origin = shell(*command, "why", "models/finetuned.keras")
    assert "record:     experiment repro-" in origin
    assert "30 train, 10 validation, 10 test; data/splits.csv" in origin
    output = shell("dvc", "repro")
    assert "dvc.lock is of an earlier version of this pipeline, so that all stages run" in output
    assert stages_run(output) == STAGES
    assert "earlier version" not in shell("dvc", "repro")
    pinned = pd.read_csv(project / "pinned/first.csv")[["sha256", "split"]]
    now = pd.read_csv(project / "data/_stages/split/splits.csv")[["sha256", "split"]]
    assert len(pd.merge(pinned, now)) == len(pinned)
    synced = shell(*command, "sync")
    assert "tuned: is of an earlier version of this pipeline; what MLflow has of it stays" in synced
    assert "workspace: complete" in synced
    after = mlflow_runs(project).set_index("run_id")
    assert len(after) == len(before) + 6
    pd.testing.assert_frame_equal(after.loc[before.index, before.columns], before)
    assert "tuned" in set(before["tags.experiment"])
