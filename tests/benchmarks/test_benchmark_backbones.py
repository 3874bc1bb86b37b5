"""The table to choose a backbone by: measured here, beside what is quoted."""

from pathlib import Path

import pandas as pd
import pytest
from benchmarks import backbones
from conftest import ROOT

from animals10.parameters import BACKBONES


def test_every_backbone_is_quoted_once() -> None:
    quoted = pd.read_csv(ROOT / backbones.QUOTED)
    assert sorted(quoted["name"]) == sorted(BACKBONES)
    assert set(pd.read_csv(ROOT / backbones.PHOTOS)["name"]) <= set(BACKBONES)


@pytest.mark.slow
def test_measured_figures_are_keras_published_ones(tmp_path: Path) -> None:
    measured = backbones.measure_all(["MobileNetV2", "MobileNetV3Small"], batch=1)
    assert measured["image_size"].tolist() == [224, 224]
    row = measured.iloc[0]
    # https://keras.io/api/applications: 14 MB, 3.5 M parameters, 105 layers with parameters.
    assert row["size_mb"] == pytest.approx(14, abs=0.6)
    assert row["parameters_m"] == pytest.approx(3.54, abs=0.01)
    assert row["depth"] == 105
    assert 1 < row["step_ms"] < 60_000
    assert 100 < row["peak_memory_mb"] < 10_000
    quoted = pd.read_csv(ROOT / backbones.QUOTED)
    photos = pd.DataFrame({"name": ["MobileNetV2"], "frozen": [0.95], "finetuned": [None]})
    files = backbones.write_table(tmp_path, measured[:1], quoted, photos, batch=1)
    assert [path.name for path in files] == ["backbones.csv", "backbones.md", "backbones.png"]
    assert pd.read_csv(files[0])["cpu_ms"].tolist() == [25.9]
    text = files[1].read_text()
    assert "| MobileNetV2 | 224 | 14 (14) | 3.5 (3.5) | 105 (105) |" in text
    assert "| 71.3 | 90.1 | 0.950 | – |" in text
    assert files[2].read_bytes().startswith(b"\x89PNG")
