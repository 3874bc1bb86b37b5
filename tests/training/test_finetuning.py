"""The backbone, its head, and what fine-tuning may and may not move."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from animals10 import files
from animals10.errors import UserError
from animals10.models import backbones, efficientnet_lite, networks, torch_file, weights
from animals10.parameters import LITE, Augment, Backbone, Parameters
from animals10.training import execution
from animals10.training.batches import Batches, Examples
from animals10.training.execution import seed_everything
from animals10.training.finetuning import finetune

AUGMENT = Augment(rotation=15, shift=0.1, zoom=0.1, shear=10, flip=True)
SIZE = 32


@pytest.fixture(
    scope="module",
    params=["EfficientNetLite0", pytest.param("EfficientNetB0", marks=pytest.mark.slow)],
)
def name(request: pytest.FixtureRequest) -> str:
    """Name the default backbone, and the study's."""
    return str(request.param)


@pytest.fixture(scope="module")
def backbone(name: str) -> keras.Model:
    seed_everything(1)
    network = backbones.build(name, SIZE)
    if name.startswith(LITE):  # with random weights its features are nearly 0
        path = weights.find(Backbone.model_validate({"name": name, "weights": "package"}))
        assert path
        efficientnet_lite.assign(network, torch_file.read(path))
    return network


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (10, SIZE, SIZE, 3), dtype=np.uint8)


def features(
    backbone: keras.Model,
    images: np.ndarray,
    batch_size: int,
    augment: Augment | None = None,
    seed: int = 0,
) -> np.ndarray:
    examples = Examples(images, np.zeros(len(images), int))
    batches = Batches(examples, batch_size, seed, augment, shuffle=False)
    return execution.predict(backbone, batches, "auto")


def transfer(backbone: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(backbone)
    copy.set_weights(backbone.get_weights())
    return networks.attach_head(copy, networks.head(1280, 2, dense=8, dropout=0.5))


def test_features_do_not_depend_on_the_batch_nor_move_statistics(
    backbone: keras.Model, images: np.ndarray
) -> None:
    before = backbone.get_weights()
    whole = features(backbone, images, 10)
    np.testing.assert_allclose(features(backbone, images, 5), whole, rtol=1e-4, atol=1e-6)
    assert whole.shape == (10, 1280)
    for old, new in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_augmented_features_differ_by_the_generator(
    backbone: keras.Model, images: np.ndarray
) -> None:
    one, same, other = (features(backbone, images, 5, AUGMENT, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_joined_model_equals_head_on_features(backbone: keras.Model, images: np.ndarray) -> None:
    head = networks.head(1280, 3, dense=8, dropout=0.5)
    whole = networks.attach_head(backbone, head)
    expected = head.predict(features(backbone, images, 10), verbose=0)
    np.testing.assert_allclose(whole.predict(images, verbose=0), expected, rtol=1e-4)
    np.testing.assert_allclose(
        whole.predict(images.astype("float32"), verbose=0), expected, rtol=1e-4
    )


def test_finetuning_moves_the_weights_but_no_batch_statistic(
    backbone: keras.Model, images: np.ndarray, values: dict[str, Any], tmp_path: Path
) -> None:
    model = transfer(backbone)
    settings = Parameters.model_validate(values).finetune.model_copy(
        update={"epochs": 1, "unfreeze": "block7", "rounds": 2, "batch_size": 5}
    )
    examples = Examples(images, np.arange(10) % 2)
    base = model.get_layer("backbone")
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in base.weights}
    history = finetune(model, examples, examples, settings, AUGMENT, seed=1, folder=tmp_path)
    assert history["epoch"].tolist() == [1, 2]
    moved = {w.path for w in base.weights if not np.array_equal(before[w.path], w.numpy())}
    normalization = {
        weight.path
        for layer in base.layers
        if isinstance(layer, keras.layers.BatchNormalization)
        for weight in layer.weights
    }
    assert moved
    assert not moved & normalization
    assert all("block7" in path or "top_conv" in path for path in moved)


def test_unfreezing_all_leaves_only_normalization_fixed(backbone: keras.Model) -> None:
    model = transfer(backbone)
    backbones.unfreeze(model.get_layer("backbone"), "all")
    fixed = {
        type(layer).__name__
        for layer in model.get_layer("backbone").layers
        if layer.weights and not layer.trainable
    }
    assert fixed == {"BatchNormalization"}


def test_a_layer_that_does_not_exist_is_named(backbone: keras.Model) -> None:
    with pytest.raises(UserError, match=r"finetune.unfreeze = 'block9' names no layer.*, block6"):
        backbones.unfreeze(transfer(backbone).get_layer("backbone"), "block9")


def test_weights_from_a_file(
    name: str, backbone: keras.Model, images: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "base.weights.h5"
    backbone.save_weights(path)
    seed_everything(2)
    loaded = backbones.build(name, SIZE, path)
    np.testing.assert_array_equal(features(loaded, images, 10), features(backbone, images, 10))


def test_weights_of_another_model_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "other.weights.h5"
    networks.head(4, 2, dense=3, dropout=0).save_weights(path)
    with pytest.raises(UserError, match=r"cannot be loaded into EfficientNetB0") as caught:
        backbones.build("EfficientNetB0", SIZE, path)
    assert "\n" not in str(caught.value)


def test_what_is_no_weights_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "page.weights.h5"
    path.write_text("<html>")
    with pytest.raises(UserError, match=r"cannot be loaded into EfficientNetB0"):
        backbones.build("EfficientNetB0", SIZE, path)


@pytest.mark.slow
def test_the_saved_transfer_model_answers_alike(
    backbone: keras.Model, images: np.ndarray, tmp_path: Path
) -> None:
    model = transfer(backbone)
    files.write_model(tmp_path / "m.keras", model)
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0), model.predict(images, verbose=0), rtol=1e-5
    )
