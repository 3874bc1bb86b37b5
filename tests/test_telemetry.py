"""No library reports to its makers what this program does."""

import subprocess
import sys
from pathlib import Path

from conftest import ROOT


def run(code: str, home: Path) -> str:
    """Run code with a new home, in an environment that does not look like a test's or CI's."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(home), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_onnx_runtime_keeps_no_identifier_to_report_with(tmp_path: Path) -> None:
    run("import animals10.deployment.predictor", tmp_path)
    assert list(tmp_path.rglob("*")) == []


def test_mlflow_has_nothing_to_report_with(tmp_path: Path) -> None:
    code = "import animals10, mlflow.telemetry as t; print(t.get_telemetry_client())"
    assert run(code, tmp_path).splitlines()[-1] == "None"
