"""What the stage `export` writes, in a finished pipeline."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from conftest import ROOT, picture
from pipeline.project import copy_project, shell_in

from animals10.deployment import litert
from animals10.deployment.exporting import require_same
from animals10.deployment.predictor import Predictor
from animals10.errors import UserError
from animals10.evaluation.calibration import calibrated
from animals10.evaluation.predictions import read_probabilities
from animals10.files import MODELS


@pytest.mark.parametrize("name", MODELS.values())
def test_a_model_has_one_input_and_all_that_its_users_need(finished: Path, name: str) -> None:
    model = onnx.load(finished / f"models/{name}.onnx")
    (image,) = model.graph.input
    tensor = image.type.tensor_type
    assert image.name == "image"
    assert tensor.elem_type == onnx.TensorProto.UINT8
    assert [each.dim_param or each.dim_value for each in tensor.shape.dim] == ["n", 32, 32, 3]
    assert [output.name for output in model.graph.output] == [
        *("probabilities", "unfamiliarity", "projection")
    ]
    metadata = {each.key: each.value for each in model.metadata_props}
    assert set(metadata) == {
        *("classes", "decoding", "image_size", "name", "temperature", "threshold"),
        *("unfamiliarity_threshold", "reference", "code", "data", "model", "parameters", "weights"),
    }
    assert "unknown" not in metadata.values()
    assert json.loads(metadata["classes"]) == json.loads(
        (finished / "models/classes.json").read_text()
    )
    text = (finished / f"models/{name}.onnx").read_bytes()
    assert str(finished).encode() not in text
    assert str(ROOT).encode() not in text


@pytest.mark.parametrize("name", MODELS.values())
def test_a_model_reproduces_its_reference(finished: Path, name: str) -> None:
    predictor = Predictor(finished / f"models/{name}.onnx")
    with np.load(finished / f"models/{name}.reference.npz") as reference:
        assert reference["image"].shape == (10, 32, 32, 3)
        assert reference["image"].dtype == np.uint8
        for number in range(10):  # one by one, as any number may be given
            outputs = predictor.predict(reference["image"][number : number + 1])
            for key, values in outputs._asdict().items():
                assert values[0] == pytest.approx(reference[key][number], rel=1e-4, abs=1e-6)


def test_the_figures_agree_with_the_models(finished: Path) -> None:
    figures = json.loads((finished / "metrics/export.json").read_text())
    assert list(figures) == sorted(MODELS.values())
    for name, values in figures.items():
        predictor = Predictor(finished / f"models/{name}.onnx")
        network = "cnn" if name == "cnn" else "transfer"
        folder = finished / f"data/_stages/split/{network}/validation"
        images, labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
        outputs = predictor.predict(images)
        assert predictor.threshold == pytest.approx(values["threshold"], rel=1e-5)
        accepted = outputs.probabilities.max(axis=1) >= predictor.threshold
        right = outputs.probabilities.argmax(axis=1) == labels
        assert right[accepted].all()  # 99 % of at most ten
        assert (outputs.unfamiliarity > predictor.unfamiliarity_threshold).mean() <= 0.01
        before = read_probabilities(finished / "data/_stages/evaluate", name)["validation"]
        assert outputs.probabilities == pytest.approx(
            calibrated(before, values["temperature"]), abs=1e-5
        )


@pytest.mark.parametrize(("name", "axes"), [("cnn", 4), ("frozen", 16)])
def test_the_projection_is_along_the_principal_axes(finished: Path, name: str, axes: int) -> None:
    network = "cnn" if name == "cnn" else "transfer"
    images = np.load(finished / f"data/_stages/split/{network}/train/images.npy")
    projection = Predictor(finished / f"models/{name}.onnx").predict(images).projection
    assert projection.shape == (30, axes)
    assert projection.dtype == np.float32
    covariance = np.cov(projection, rowvar=False, dtype=np.float64)
    spread = np.diag(covariance)
    assert (np.diff(spread) <= 1e-4 * spread[0]).all()
    assert covariance == pytest.approx(np.diag(spread), abs=1e-3 * spread[0])


def test_a_model_that_predicts_otherwise_is_refused() -> None:
    expected = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]], np.float32)
    path = Path("models/cnn.onnx")
    require_same(path, expected, expected + 5e-5)
    with pytest.raises(UserError, match=r"differ by up to 0\.001, and 0\.0001 is allowed"):
        require_same(path, expected, expected + 1e-3)


@pytest.mark.parametrize("name", ["cnn", pytest.param("finetuned", marks=pytest.mark.slow)])
def test_a_model_for_phones_gives_the_same_probabilities(
    finished: Path, tmp_path: Path, name: str
) -> None:
    temperature = json.loads((finished / "metrics/export.json").read_text())[name]["temperature"]
    model = keras.saving.load_model(finished / f"models/{name}.keras", safe_mode=True)
    litert.write(model, temperature, tmp_path / "model.tflite")
    with np.load(finished / f"models/{name}.reference.npz") as reference:
        found = litert.predict(tmp_path / "model.tflite", reference["image"])
        assert found == pytest.approx(reference["probabilities"], abs=1e-5)


def test_the_card_tells_data_licences_figures_and_use(finished: Path) -> None:
    for name in MODELS.values():
        card = (finished / f"models/{name}.md").read_text()
        for text in (
            f"# {name}\n",
            "## Intended use",
            "## Limits",
            "| test | 10 | 0.",
            "95 % interval",
            "drawn by this project's own code",
            "| **all** | 30 | 10 | 10 |",
            "| photos | MIT",
            f"--model models/{name}.onnx photo.jpg",
        ):
            assert text in card
        assert ("pre-trained weights" in card.partition("## Licences")[2].partition("##")[0]) == (
            name != "cnn"
        )


def test_the_script_of_the_readme_runs_and_checks_itself(finished: Path, tmp_path: Path) -> None:
    photo = tmp_path / "1.png"
    photo.write_bytes(picture(1, kind="PNG"))
    script = ROOT / "docs" / "use_onnx.py"
    assert len(script.read_text().partition('"""\n\n')[2].splitlines()) < 30
    model = finished / "models/frozen.onnx"
    command = [sys.executable, "-I", str(script), str(model), str(photo)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = done.stdout.split()
    arguments = ("predict", str(photo), "--model", "frozen", "--json")
    line = shell_in(finished)("env", "PYTHONPATH=src", "python", "-m", "animals10", *arguments)
    expected = json.loads(line)
    assert found[:2] == [str(photo), expected["class"]]
    assert float(found[2]) == pytest.approx(expected["probability"], abs=2e-3)
    (tmp_path / "other.onnx").write_bytes(model.read_bytes())
    with np.load(finished / "models/frozen.reference.npz") as reference:
        changed = {**reference, "probabilities": 1 - reference["probabilities"]}
    np.savez(tmp_path / "other.reference.npz", **changed)
    command[3] = str(tmp_path / "other.onnx")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "computes other probabilities" in done.stderr


@pytest.mark.parametrize("given", [[], ["nowhere.onnx", "1.png"]])
def test_the_script_says_what_it_needs(given: list[str]) -> None:
    command = [sys.executable, "-I", str(ROOT / "docs" / "use_onnx.py"), *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("give an exported model and photos: ")


@pytest.mark.slow
def test_further_models_are_written_when_wanted(finished: Path, tmp_path: Path) -> None:
    copy_project(finished, tmp_path / "project")
    shell = shell_in(tmp_path / "project")
    assert list((finished / "models/int8").iterdir()) == []
    assert list((finished / "models/litert").iterdir()) == []
    shell("dvc", "exp", "run", "-S", "export.int8=true", "-S", "export.litert=true")
    figures = json.loads((tmp_path / "project/metrics/export.json").read_text())
    for name, values in figures.items():
        tried = values["int8"]
        assert set(tried) == {"per_tensor", "per_channel", "float32", "accepted"}
        assert (tmp_path / f"project/models/litert/{name}.tflite").is_file()
        path = tmp_path / f"project/models/int8/{name}.onnx"
        assert path.is_file() == (tried["accepted"] is not None)
        if path.is_file():
            assert Predictor(path).metadata["quantization"] == tried["accepted"]
            assert tried[tried["accepted"]] >= tried["float32"] - 0.005
