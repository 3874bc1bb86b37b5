"""The table to choose a backbone by: measured here, beside what is quoted."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from conftest import ROOT

from animals10 import choosing
from animals10.parameters import BackboneName
from animals10.tracking import store
from animals10.tracking.record import log_benchmark


def test_every_backbone_is_quoted_once() -> None:
    quoted = pd.read_csv(ROOT / choosing.QUOTED)
    assert sorted(quoted["name"]) == sorted(get_args(BackboneName))


@pytest.mark.slow
def test_measured_figures_are_keras_published_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = choosing.measure_all(["MobileNetV2", "MobileNetV3Small"], batch=1)
    assert measured["image_size"].tolist() == [224, 224]
    row = measured.iloc[0]
    # https://keras.io/api/applications: 14 MB, 3.5 M parameters, 105 layers with parameters.
    assert row["size_mb"] == pytest.approx(14, abs=0.6)
    assert row["parameters_m"] == pytest.approx(3.54, abs=0.01)
    assert row["depth"] == 105
    assert 1 < row["step_ms"] < 60_000
    assert 100 < row["peak_memory_mb"] < 10_000
    quoted = pd.read_csv(ROOT / choosing.QUOTED)
    files = choosing.write_table(tmp_path, measured[:1], quoted, batch=1)
    assert [path.name for path in files] == ["backbones.csv", "backbones.md", "backbones.png"]
    assert pd.read_csv(files[0])["cpu_ms"].tolist() == [25.9]
    assert "| MobileNetV2 | 224 | 14 (14) | 3.5 (3.5) | 105 (105) |" in files[1].read_text()
    assert files[2].read_bytes().startswith(b"\x89PNG")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'runs.db'}")
    monkeypatch.chdir(tmp_path)
    log_benchmark("backbones", {"MobileNetV2": {"depth": 105.0}}, files[:1])
    client, place = store.connect()
    [run] = client.search_runs([place])
    assert run.data.metrics == {"MobileNetV2/depth": 105.0}


def test_an_unknown_backbone_is_one_line() -> None:
    command = [sys.executable, "-m", "animals10", "backbones", "ResNet51"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr.startswith("error: no backbone 'ResNet51'; allowed: Xception, VGG16")
    assert done.stderr.count("\n") == 1


def test_a_batch_of_nothing_is_one_line() -> None:
    command = [sys.executable, "-m", "animals10", "backbones", "MobileNetV2", "--batch", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == "error: --batch 0 is not allowed; give 1 or more\n"
