"""The server's log of predictions, where it cannot be written."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from animals10.errors import UserError
from animals10.serving.recording import recorder

CODE = """
import resource, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from animals10.deployment.predictor import Outputs
from animals10.serving.recording import recorder
from animals10.serving.service import Predicted

record = recorder(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
outputs = Outputs(np.array([[0.8, 0.2]]), np.zeros(1), np.zeros((1, 3)))
predicted = [Predicted(np.zeros((8, 8, 3), np.uint8), outputs)]
model = SimpleNamespace(identity={"name": "cnn", "version": 1, "sha256": "a" * 64})
def write():
    record(model, [{"class": "cat", "unsure": False}], predicted)
for _ in range(20):
    write()
"""
# Twice a folder is in the log's place; then a file that is no log.
REPLACED = """
path = Path(sys.argv[1])
for _ in range(2):
    path.unlink()
    path.mkdir()
    write()
    write()
    path.rmdir()
    write()
path.unlink()
path.write_text("notes")
write()
"""


def run(code: str, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def test_a_full_disk_costs_no_prediction_and_is_said_once(tmp_path: Path) -> None:
    said = run(CODE, tmp_path / "log")
    assert said == "predictions are not logged: [Errno 27] File too large\n"
    assert (tmp_path / "log").read_text().count("\n") >= 2


def test_each_time_that_something_else_is_in_its_place_is_said_once(tmp_path: Path) -> None:
    said = run(CODE + REPLACED, tmp_path / "log").splitlines()[1:]
    assert len(said) == 3
    assert said[0] == said[1]
    assert said[0].endswith("log is a folder, a pipe or a device, and no file; name another")
    assert said[2].endswith("is no log of predictions, and is left as it is; name another")


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"a photo")
    with pytest.raises(UserError, match="is no log of predictions, and is left as it is"):
        recorder(path)
    assert path.read_bytes() == b"a photo"
