"""Heat maps: what they must show by construction, of every kind of network."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from animals10.models import backbones, networks, pooling
from animals10.parameters import load
from animals10.reporting.heatmaps import class_activation_maps, overlay
from animals10.training.execution import seed_everything


@pytest.fixture(autouse=True)
def seeded() -> None:
    seed_everything(1)


def colours() -> keras.Model:
    """Make a model with a known answer: class 0 is red, class 1 is blue, class 2 is the rest."""
    inputs = keras.Input((32, 32, 3))
    spatial = layers.AveragePooling2D(4)(inputs)
    pooled = layers.GlobalAveragePooling2D()(spatial)
    output = layers.Dense(3, activation="softmax")
    model = keras.Model(inputs, output(pooled))
    output.set_weights([np.array([[9, 0, 0], [0, 0, 9], [0, 9, 0]], "float32"), np.zeros(3)])
    return model


def test_the_region_that_decides_is_the_one_that_is_shown() -> None:
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[0, :8, :8, 0] = 255  # red
    image[0, 16:24, 8:16, 2] = 255  # blue
    images = np.repeat(image, 2, axis=0)
    maps = class_activation_maps(colours(), images, np.arange(2))
    assert maps.shape == (2, 8, 8)
    assert maps.dtype == np.float32
    expected = np.full((2, 8, 8), 1 / 3)  # by black, one class is as good as another
    expected[:, :2, :2] = [[[1]], [[0]]]
    expected[:, 4:6, 2:4] = [[[0]], [[1]]]
    np.testing.assert_allclose(maps, expected, atol=1e-6)


def transfer(name: str, size: int) -> keras.Model:
    backbone = backbones.build(name, size)
    head = networks.head(backbone.output_shape[-1], 4, dense=32, dropout=0.5, feature_length=30)
    return networks.attach_head(backbone, head)


@pytest.mark.parametrize(
    ("name", "size"),
    [("cnn", 64), ("MobileNetV3Small", 64), ("EfficientNetLite0", 64), ("EfficientNetB0", 64)],
)
def test_every_kind_of_network_is_split_at_its_pooling(name: str, size: int) -> None:
    model = networks.cnn(size, 4, load().train_cnn) if name == "cnn" else transfer(name, size)
    images = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    body, following = pooling.split(model)

    def classify(features: Any) -> Any:
        for layer in following[1:]:
            features = layer(features)
        return features

    activations = np.asarray(body(images.astype("float32"), training=False))
    np.testing.assert_allclose(classify(activations.mean(axis=(1, 2))), model(images), atol=1e-5)
    maps = class_activation_maps(model, images, np.array([1, 3]))
    assert maps.shape == activations.shape[:3]
    of_region = np.asarray(classify(activations[:, 0, 1]))
    np.testing.assert_allclose(maps[:, 0, 1], of_region[[0, 1], [1, 3]], atol=1e-5)


def test_colours_of_an_overlay_are_of_the_map_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    cold = overlay(image, np.zeros((4, 4), np.float32))
    assert cold.shape == image.shape
    assert cold.dtype == np.uint8
    assert (cold[..., 0] == cold[..., 2]).all()
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 1
    warm = overlay(image, heat)
    assert (warm[:4, :4] != cold[:4, :4]).any()
    assert (warm[16:, 16:] == cold[16:, 16:]).all()


@pytest.mark.parametrize("grey", [0, 128, 200, 255])
def test_the_hotter_a_region_the_lighter_it_is(grey: int) -> None:
    heat = np.linspace(0, 1, 32, dtype=np.float32)[None].repeat(32, axis=0)
    shown = overlay(np.full((32, 32, 3), grey, np.uint8), heat)
    lightness = shown[0].astype(int) @ [
        213,
        715,
        72,
    ]  # of sRGB's red, green and blue, in tenths of %
    assert (np.diff(lightness) > 0).all()
