import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from conftest import ROOT
from keras import layers

from animals10.acceleration.fused import fuse
from animals10.models import backbones, networks


def network() -> keras.Model:
    """Every kind of layer that has a faster form, beside some that have none."""
    inputs = keras.Input((12, 12, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="biased")(x)
    x = layers.BatchNormalization(name="fixed")(x)
    x = layers.Activation("silu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(name="fixed_too", scale=False, center=False)(x)
    x = layers.Conv2D(4, 1, name="read_twice")(x)
    both = layers.Add()([x, layers.BatchNormalization(name="fixed_alone")(x)])
    x = layers.BatchNormalization(name="learns", momentum=0.7)(both)
    x = layers.Dropout(0.3, seed=3)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    for layer in model.layers:
        layer.trainable = not layer.name.startswith("fixed")
    return model


def transfer(first: str, name: str = "EfficientNetB0") -> keras.Model:
    """Put a small head on a backbone, unfrozen from a layer on."""
    model = networks.attach_head(backbones.build(name, 32), networks.head(1280, 3, 8, 0.5))
    backbones.unfreeze(model.get_layer("backbone"), first)
    return model


def scatter(model: keras.Model) -> None:
    """Give normalization layers what a training would have."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            scatter(layer)
        elif isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.8, 1.2, w.shape) for w in layer.get_weights()])


def learn(model: keras.Model, inputs: np.ndarray, labels: np.ndarray) -> list[float]:
    """Train a few steps; return the losses."""
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
    return [float(model.train_on_batch(inputs, labels)) for _ in range(3)]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(network, id="layers"),
        pytest.param(lambda: transfer("block6a", "EfficientNetLite0"), id="Lite, upper blocks"),
        pytest.param(lambda: transfer("all"), id="unfrozen", marks=pytest.mark.slow),
        pytest.param(lambda: transfer("block6a"), id="upper blocks", marks=pytest.mark.slow),
    ],
)
def test_a_fused_copy_predicts_and_trains_as_its_model_does(
    make: Callable[[], keras.Model],
) -> None:
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(4)
        models.append(make())
        scatter(models[-1])
    plain, accelerated = models
    copy = fuse(accelerated)
    rng = np.random.default_rng(2)
    inputs = rng.uniform(0, 255, (7, *plain.input_shape[1:])).astype("float32")
    np.testing.assert_allclose(copy(inputs), plain(inputs), atol=1e-5)
    before = plain.get_weights()
    labels = np.arange(7) % 3
    expected = learn(plain, inputs, labels)
    assert learn(copy, inputs, labels) == pytest.approx(expected, abs=1e-4)
    for one, other in zip(plain.get_weights(), accelerated.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4)
    kept = [np.array_equal(*pair) for pair in zip(before, plain.get_weights(), strict=True)]
    assert 0 < sum(kept) < len(kept)


def test_normalization_that_is_fixed_goes_into_the_convolution_before_it() -> None:
    model = transfer("all")
    kinds = [type(layer).__name__ for layer in fuse(model).get_layer("backbone").layers]
    assert "BatchNormalization" not in kinds
    assert kinds.count("FoldedConvolution") == 49
    assert kinds.count("FusedSwish") == 33


def test_normalization_stays_where_its_convolution_has_other_readers() -> None:
    kinds = [type(layer).__name__ for layer in fuse(network()).layers]
    assert kinds.count("BatchNormalization") == 1
    assert kinds.count("FoldedConvolution") == 2
    assert kinds.count("FusedNormalization") == 1


def test_a_convolution_that_is_used_twice_gives_the_same() -> None:
    inputs = keras.Input((8, 8, 3))
    twice = layers.Conv2D(3, 3, padding="same", use_bias=False)
    x = layers.BatchNormalization(name="fixed")(twice(inputs))
    x = layers.Activation("silu")(twice(x))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    model.get_layer("fixed").trainable = False
    scatter(model)
    images = np.random.default_rng(2).uniform(0, 1, (2, 8, 8, 3))
    for learns in (True, False):
        np.testing.assert_allclose(fuse(model, learns)(images), model(images), atol=1e-6)


def test_for_predictions_all_normalization_goes_into_convolutions() -> None:
    model = backbones.build("EfficientNetB0", 32)
    scatter(model)
    copy = fuse(model, training=False)
    kinds = [type(layer).__name__ for layer in copy.layers]
    assert kinds.count("FoldedConvolution") == 49
    assert "BatchNormalization" not in kinds
    inputs = np.random.default_rng(2).uniform(0, 255, (3, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(copy([inputs]), model([inputs]), atol=1e-4)


def test_normalization_of_rows_stays_behind_its_convolution() -> None:
    inputs = keras.Input((12, 8, 3))
    x = layers.Conv2D(8, 3, padding="same")(inputs)
    norm = layers.BatchNormalization(axis=1, trainable=False)
    model = keras.Model(inputs, norm(x))
    scatter(model)
    images = np.random.default_rng(1).normal(size=(2, 12, 8, 3)).astype("float32")
    np.testing.assert_allclose(fuse(model)(images), model(images), atol=1e-5)


def test_a_model_is_saved_as_before() -> None:
    model = network()
    before = model.to_json()
    copy = fuse(model)
    assert model.to_json() == before
    assert {id(v) for v in copy.variables} == {id(v) for v in model.variables}


def test_normalization_of_another_axis_than_the_last_stays() -> None:
    inputs = keras.Input((12, 12, 3))
    model = keras.Model(inputs, layers.BatchNormalization(axis=1)(inputs))
    kinds = [type(layer).__name__ for layer in fuse(model).layers]
    assert kinds == ["InputLayer", "BatchNormalization"]


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize(
    ("kernel", "size", "padding"),
    [
        *((5, 8, "same"), (5, 13, "same"), ((2, 4), 9, "same"), ((6, 7), 8, "same")),
        *((5, 8, "valid"), (5, 13, "valid"), ((2, 4), 9, "valid"), ((6, 7), 8, "valid")),
        (9, 1, "same"),  # most of the kernel beyond the image
    ],
)
def test_a_wide_depthwise_kernel_learns_the_same(
    kernel: int | tuple[int, int], size: int, strides: int, padding: str
) -> None:
    inputs = keras.Input((size, size, 2))
    wide = layers.DepthwiseConv2D(
        kernel, strides, padding, depth_multiplier=2, depthwise_initializer="glorot_uniform"
    )
    norm = layers.BatchNormalization(trainable=False)
    outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(norm(wide(inputs))))
    model = keras.Model(inputs, outputs)
    images = np.random.default_rng(1).normal(size=(4, size, size, 2)).astype("float32")
    start, learnt = model.get_weights(), []
    for one in (model, fuse(model)):
        model.set_weights(start)
        learn(one, images, np.arange(4) % 3)
        learnt.append(wide.kernel.numpy())
    assert not np.allclose(learnt[0], start[0], atol=1e-3)
    np.testing.assert_allclose(learnt[1], learnt[0], atol=1e-5)


@pytest.mark.parametrize("other", [layers.Identity(), layers.Flatten(), "nested", "output"])
def test_a_convolution_that_others_read_as_well_stays(other: Any) -> None:
    inputs = keras.Input((8, 8, 3))
    convolved = layers.Conv2D(4, 3)(inputs)
    normalized = layers.BatchNormalization(epsilon=9.0)(convolved)
    if other == "nested":
        other = keras.Sequential([keras.Input(convolved.shape[1:]), layers.Flatten()])
    read = convolved if other == "output" else other(convolved)
    model = keras.Model(inputs, [normalized, read])
    images = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype("float32")
    pairs = zip(fuse(model, training=False)(images), model(images), strict=True)
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_sequential_model_can_be_fused() -> None:
    images = np.random.default_rng(1).integers(0, 256, (6, 8, 8, 3)).astype("float32")
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten()])
    found = fuse(model, training=False).predict(images, verbose=0)
    np.testing.assert_allclose(found, model.predict(images, verbose=0), rtol=1e-4, atol=1e-3)


def tell(script: str, **environment: str) -> str:
    """Run a script in a process of its own, since a precision is for good; return what it tells."""
    command = [sys.executable, "-c", script]
    environment |= {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_bfloat16_is_for_arithmetic_alone() -> None:
    script = """
import json, keras, numpy as np, tensorflow as tf
from animals10.models import networks
from animals10 import parameters
from animals10.acceleration.fused import compute_in_bfloat16, fuse
compute_in_bfloat16()
copy = fuse(networks.cnn(32, 3, parameters.load().train_cnn))
copy.compile("adam", "sparse_categorical_crossentropy")
images = np.random.default_rng(1).uniform(0, 255, (8, 32, 32, 3)).astype("float32")
loss = float(copy.train_on_batch(images, np.arange(8) % 3))
answers = copy.predict(images, verbose=0)
variables = sorted({v.dtype for v in copy.trainable_variables})
asked = tf.config.optimizer.get_experimental_options()["auto_mixed_precision_onednn_bfloat16"]
print(json.dumps([asked, str(answers.dtype), variables, bool(np.isfinite(loss))]))
"""
    assert json.loads(tell(script)) == [True, "float32", ["float32"], True]


@pytest.mark.parametrize("acceleration", ["auto", pytest.param("off", marks=pytest.mark.slow)])
def test_on_jax_training_is_plain_keras(acceleration: str) -> None:
    script = """
import keras, numpy as np
from animals10.models import networks
from animals10 import parameters
from animals10.training import execution
model = networks.cnn(32, 3, parameters.load().train_cnn)
copy = execution.training_copy(model, "auto")
copy.compile("sgd", "sparse_categorical_crossentropy")
images = np.random.default_rng(1).normal(size=(6, 32, 32, 3)).astype("float32")
before = model.get_weights()
copy.train_on_batch(images, np.arange(6) % 3)
moved = any(not np.array_equal(*pair) for pair in zip(before, model.get_weights()))
print(keras.backend.backend(), moved, execution.is_accelerated("auto"), model.compiled)
""".replace('"auto"', repr(acceleration))
    assert tell(script, KERAS_BACKEND="jax") == "jax True False False"
