"""Every backbone takes 0..255 RGB, whatever its network was trained on."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from animals10 import files
from animals10.models import backbones
from animals10.parameters import BACKBONES, LITE, SMALLEST_IMAGE
from animals10.training.execution import seed_everything

# The others take minutes and are marked slow.
QUICK = {"VGG16", "MobileNetV3Small"}


def images(size: int, count: int = 3) -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (count, size, size, 3)).astype("float32")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in BACKBONES
        if not name.startswith(LITE)
    ],
)
def test_it_is_keras_own_preprocessing_and_network(name: str, tmp_path: Path) -> None:
    size = SMALLEST_IMAGE.get(name, 32)
    seed_everything(1)
    backbone = backbones.build(name, size)
    builder = getattr(keras.applications, name)
    network = builder(include_top=False, weights=None, input_shape=(size, size, 3), pooling="avg")
    network.set_weights(backbone.get_weights())
    preprocess = sys.modules[builder.__module__].preprocess_input
    expected = network.predict(preprocess(images(size)), verbose=0)
    assert np.ptp(expected) > 0
    files.write_model(tmp_path / "backbone.keras", backbone)
    loaded = keras.saving.load_model(tmp_path / "backbone.keras", safe_mode=True)
    for model in (backbone, loaded):
        answer = model.predict(images(size), verbose=0)
        np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.slow
def test_keras_own_efficientnet_weights_see_images_at_their_full_strength(tmp_path: Path) -> None:
    """As with weights="imagenet", which no test can download: (x / 255 - mean) / deviation."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    seed_everything(1)
    network = backbones.build("EfficientNetB0", 32)
    expected = network.predict(255 * (images(32) / 255 - mean) / deviation, verbose=0)
    [normalization] = [
        layer for layer in network.layers if isinstance(layer, keras.layers.Normalization)
    ]
    count = normalization.get_weights()[2]
    normalization.set_weights([mean, deviation, count])
    network.save_weights(tmp_path / "b0.weights.h5")
    backbone = backbones.build("EfficientNetB0", 32, tmp_path / "b0.weights.h5")
    answer = backbone.predict(images(32), verbose=0)
    np.testing.assert_allclose(answer, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
