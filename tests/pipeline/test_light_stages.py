"""fetch and split start at once: they import neither TensorFlow nor MLflow."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from pipeline.project import make_project

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("stage", ["fetch", "split"])
def test_light_stages_import_no_heavy_library(stage: str) -> None:
    code = (
        f"import runpy, sys; runpy.run_path('stages/{stage}.py'); "
        "print(sorted({'tensorflow', 'keras', 'mlflow', 'sklearn'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"


def test_fetch_says_that_the_samples_weights_are_not_for_photos(tmp_path: Path) -> None:
    for name, shade in (("cat", 60), ("dog", 200)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (32, 32), (shade, 90, 90)).save(tmp_path / "photos" / name / "1.png")
    project, told = tmp_path / "project", "knows drawings; for photos give imagenet"
    shell = make_project(project, {"fetch": {"source": str(tmp_path / "photos")}})
    stage = ("env", "PYTHONPATH=src", "python", "stages/fetch.py")
    assert told in shell(*stage)
    params = (project / "params.yaml").read_text()
    drawn = params.replace(str(tmp_path / "photos"), "sample")
    (project / "params.yaml").write_text(
        drawn.replace("images_per_class: 100", "images_per_class: 3")
    )
    assert told not in shell(*stage)
