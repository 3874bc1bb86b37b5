"""What Keras finds on a user's machine, before any work."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from animals10.errors import UserError
from animals10.models import checks
from animals10.parameters import Parameters


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder for keras.json, in which no project has run."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def given(values: dict[str, Any], **changes: Any) -> Parameters:
    for key, value in changes.items():
        block, name = key.split("__")
        values[block][name] = value
    return Parameters.model_validate(values)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"backend": "theano"},
            "Keras's backend is 'theano', by KERAS_BACKEND or .*keras.json; al",
        ),
        ({"floatx": "bfloat16"}, "floatx = 'bfloat16' is not allowed; give float16 or float32 or"),
        ({"image_data_format": "chw"}, "image_data_format = 'chw' is not allowed"),
        ({"epsilon": 1}, "epsilon = 1 is not allowed; give 1e-7"),
    ],
)
def test_a_keras_json_that_keras_fails_on_is_one_line(
    settings: dict[str, Any], message: str, home: Path, values: dict[str, Any]
) -> None:
    (home / "keras.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match=message):
        checks.require_backend(given(values))


@pytest.mark.parametrize("text", ["", "[]", '{"backend": "jax"}'])
def test_another_keras_json_is_none_of_our_business(
    text: str, home: Path, values: dict[str, Any]
) -> None:
    (home / "keras.json").write_text(text)
    checks.require_backend(given(values))
    (home / "keras.json").write_text('{"backend": "theano"}')
    with pytest.raises(UserError, match="'theano'"):  # so that the file was read
        checks.require_backend(given(values))


@pytest.mark.usefixtures("home")
def test_the_backend_must_have_the_precision(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks.require_backend(given(values, train_cnn__precision="bfloat16"))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(UserError, match="precision = 'bfloat16' needs TensorFlow"):
        checks.require_backend(given(values, train_cnn__precision="bfloat16"))


def test_a_layer_that_the_backbone_lacks_is_refused(home: Path, values: dict[str, Any]) -> None:
    (home / "dvc.yaml").symlink_to(ROOT / "dvc.yaml")
    (home / "pinned").symlink_to(ROOT / "pinned")
    changes = {"backbone__name": "MobileNetV3Small", "backbone__weights": "none"}
    checks.require(given(values, **changes, finetune__unfreeze="conv_1"))
    with pytest.raises(UserError, match="finetune.unfreeze = 'block99' names no layer"):
        checks.require(given(values, **changes, finetune__unfreeze="block99"))


@pytest.mark.usefixtures("home")
def test_a_preset_without_keras_hub_is_one_line_with_the_command_that_helps(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keras_hub", None)  # as where it is not installed
    changes = {"backbone__name": "hub:dinov2_small", "backbone__weights": "preset"}
    with pytest.raises(UserError, match="not installed; run `make setup HUB=1`"):
        checks.require(given(values, **changes, finetune__unfreeze="1"))


def test_numbers_and_axes_are_ours_whatever_keras_json_says(home: Path) -> None:
    settings = {"floatx": "float16", "image_data_format": "channels_first", "epsilon": 0.1}
    (home / "keras.json").write_text(json.dumps(settings))
    script = (
        "import keras; from animals10.training import execution; execution.seed_everything(1); "
        "print(keras.config.floatx(), keras.config.image_data_format(), keras.config.epsilon())"
    )
    told = subprocess.check_output(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        text=True,
    )
    assert told == "float32 channels_last 1e-07\n"
