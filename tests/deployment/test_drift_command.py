"""`predict --log` and `drift`, by the models of a finished pipeline."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, picture
from pipeline.project import ENVIRONMENT

from animals10.deployment.predictor import Predictor
from animals10.monitoring.observation import observe

ARCHIVE = "data/_stages/fetch/photos.zip"


def animals10(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "animals10", *map(str, arguments)],
        cwd=folder,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def log(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Log the predictions for the project's own 50 photos, and for a file that is none."""
    path = tmp_path_factory.mktemp("logs") / "deep" / "log.jsonl"
    done = animals10(
        finished, "predict", ARCHIVE, "params.yaml", "--model", "cnn", "--json", "--log", path
    )
    assert done.returncode == 3
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    printed = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    assert len(lines) == 50
    for key in ("class", "probability", "unsure"):
        assert [line[key] for line in lines] == [line[key] for line in printed]
    assert not [line["file"] for line in printed if line["file"] in path.read_text()]
    return path


def test_a_log_holds_what_the_export_measured_of_the_same_photos(finished: Path) -> None:
    predictor = Predictor(finished / "models/cnn.onnx")
    images = np.load(finished / "data/_stages/split/cnn/validation/images.npy")
    outputs = predictor.predict(images)
    observed = observe(images, outputs.probabilities, outputs.projection)
    assert observed.numbers.shape == (10, 3 + 4)  # the tiny network has four channels
    reference = predictor.reference
    assert reference.counts.tolist() == np.bincount(observed.predicted, minlength=10).tolist()
    for fraction, row in ((0, 0), (0.5, 100), (1, 200)):
        expected = np.quantile(observed.numbers, fraction, axis=0)
        assert reference.quantiles[row] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_the_projects_own_photos_show_no_drift(finished: Path, log: Path) -> None:
    done = animals10(finished, "drift", log, "--model", "cnn")
    assert (done.returncode, done.stderr) == (0, "")
    *table, sentence = done.stdout.splitlines()
    assert [line.split()[0] for line in table] == [
        *("measure", "class", "probability", "brightness", "sharpness", "features")
    ]
    assert sentence == "no sign of drift in 50 predictions of cnn"


def test_other_photos_show_drift_in_the_newest_predictions(
    finished: Path, log: Path, tmp_path: Path
) -> None:
    (tmp_path / "log").write_text(log.read_text() + "cut{\n")
    (tmp_path / "photos").mkdir()
    for number in range(60):
        (tmp_path / f"photos/{number}.jpg").write_bytes(picture(number))
    animals10(finished, "predict", tmp_path / "photos", "--model", "cnn", "--log", tmp_path / "log")
    command = ("drift", tmp_path / "log", "--model", finished / "models/cnn.onnx", "--last", 60)
    done = animals10(tmp_path, *command)
    assert done.returncode == 4
    assert done.stderr == "lines of the log that cannot be read, passed over: 1\n"
    sentence = done.stdout.splitlines()[-1]
    assert sentence.startswith(
        "worry: the newest 60 of 110 predictions of cnn are unlike those of validation, because "
    )
    assert "sharpness fell" in sentence


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is no file; `predict --log PATH`"),
        (["few", "--model", "cnn"], "few has 49 predictions of models/cnn.onnx, and at least 50"),
        (["LOG", "--model", "frozen"], "it has 50 of cnn ("),
        (["LOG", "--last", "49"], "'49' is not allowed; give 50 or more"),
        (["LOG", "--model", "nowhere.onnx"], "nowhere.onnx is no file; give champion, cnn"),
    ],
)
def test_a_mistake_is_one_line(
    finished: Path, log: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "few").write_text("".join(log.read_text().splitlines(keepends=True)[:49]))
    for name in ("models", "metrics"):
        (tmp_path / name).symlink_to(finished / name)
    done = animals10(tmp_path, "drift", *(log if each == "LOG" else each for each in arguments))
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_photo_that_is_named_as_the_log_stays_as_it_is(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(picture(1))
    photo = tmp_path / "1.jpg"
    done = animals10(finished, "predict", photo, "--model", "cnn", "--log", photo)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "1.jpg is no log of predictions, and is left as it is; name another\n"
    )
    assert photo.read_bytes() == picture(1)


def test_neither_tensorflow_nor_keras_nor_mlflow_is_imported(finished: Path, log: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = ['animals10', 'drift', *sys.argv[1:]]\n"
        "try: runpy.run_module('animals10', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(sorted({'tensorflow', 'keras', 'mlflow', 'dvc', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(log), "--model", "cnn"],
        cwd=finished,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-2:] == ["no sign of drift in 50 predictions of cnn", "[]"]
