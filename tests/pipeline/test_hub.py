"""A preset of KerasHub through the whole pipeline, by DVC."""

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from conftest import picture
from models.hub import presets
from pipeline.project import STAGES, TINY, make_project, stages_run

from animals10.tracking import store

pytestmark = pytest.mark.slow
pytest.importorskip("keras_hub", reason="needs KerasHub: make setup HUB=1")
CHANGES: dict[str, Any] = TINY | {
    "backbone": {"name": "hub:first", "weights": "preset", "image_size": None},
    "finetune": {"epochs": 1, "unfreeze": 2},  # a number, as DVC's -S writes it
}


@pytest.mark.parametrize("family", presets.FAMILIES)
def test_a_preset_runs_through_all_stages_and_its_files_decide_what_reruns(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    presets.save(family, project / "first")
    shell = make_project(project, CHANGES)
    output = shell("dvc", "repro")
    assert stages_run(output) == STAGES
    preset = json.loads((project / "data/_stages/fetch/preset.json").read_text())
    digest = preset["sha256"]["model.weights.h5"]
    for name in ("frozen", "finetuned"):
        card = (project / f"models/{name}.md").read_text()
        assert f"| preset_sha256/model.weights.h5 | `{digest}` |" in card
        assert "| pre-trained weights (hub:first) | that of the preset's page" in card
        (image,) = onnx.load(project / f"models/{name}.onnx").graph.input
        assert image.name == "image"
    monkeypatch.chdir(project)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (run,) = store.connect().search(level="experiment")
    assert run.data.tags["preset_sha256/model.weights.h5"] == digest
    (tmp_path / "1.jpg").write_bytes(picture(1))
    command = ("env", "PYTHONPATH=src", "python", "-m", "animals10")
    predicted = shell(*command, "predict", str(tmp_path / "1.jpg"), "--model", "frozen", "--json")
    assert json.loads(predicted.splitlines()[-1])["class"]
    assert "no longer" not in shell(*command, "why", "models/finetuned.keras")
    # The same files by another name: what they decide stays.
    (project / "first").rename(project / "second")
    again = shell("dvc", "exp", "run", "-S", "backbone.name=hub:second")
    assert set(stages_run(again)) == {"fetch", "report", "export"}
