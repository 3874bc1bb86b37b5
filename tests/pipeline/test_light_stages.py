"""fetch and split start at once: they import neither TensorFlow nor MLflow."""

import subprocess
import sys
from pathlib import Path

import pytest

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
