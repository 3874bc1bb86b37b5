"""The backbone, its head, and what fine-tuning may and may not move."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from animals10 import artifacts, backbones, efficientnet_lite, models, torch_file, weights
from animals10.arrays import Batches, Examples
from animals10.errors import UserError
from animals10.finetuning import finetune
from animals10.inference import Predictor
from animals10.parameters import LITE, Augment, Backbone, Parameters
from animals10.seeding import seed_everything

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
    return Predictor(backbone).predict(Batches(examples, batch_size, seed, augment, shuffle=False))


def transfer(backbone: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(backbone)
    copy.set_weights(backbone.get_weights())
    return models.join(copy, models.head(1280, 2, dense=8, dropout=0.5))


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
    head = models.head(1280, 3, dense=8, dropout=0.5)
    whole = models.join(backbone, head)
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
    history, rounds = finetune(
        model, examples, examples, settings, AUGMENT, seed=1, folder=tmp_path
    )
    assert history["epoch"].tolist() == [1, 2]
    assert list(rounds) == ["round_1", "round_2"]
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


@pytest.mark.parametrize(
    ("network", "first", "neck"),
    [
        ("EfficientNetLite0", "block6a", (2, 2, 112)),
        pytest.param("EfficientNetB0", "block6a", (2, 2, 112), marks=pytest.mark.slow),
        # Within a residual block: before it.
        pytest.param("EfficientNetB0", "block6b_project", (1, 1, 192), marks=pytest.mark.slow),
        pytest.param("EfficientNetB0", "stem_conv", (33, 33, 3), marks=pytest.mark.slow),
        ("MobileNetV2", "block_13", (2, 2, 96)),
    ],
)
def test_a_backbone_is_cut_where_one_tensor_alone_leads_up(
    network: str, first: str, neck: tuple[int, ...], images: np.ndarray
) -> None:
    whole = backbones.build(network, SIZE)
    backbones.unfreeze(whole, first)
    lower, upper = backbones.cut(whole)
    assert lower.output_shape == upper.input_shape == (None, np.prod(neck))
    assert not lower.trainable_weights
    assert {id(w) for w in upper.trainable_weights} == {id(w) for w in whole.trainable_weights}
    expected = whole.predict(images, verbose=0)
    answered = upper.predict(lower.predict(images, verbose=0), verbose=0)
    scale = expected.std(axis=0).max()  # random weights answer nearly 0
    np.testing.assert_allclose(answered / scale, expected / scale, atol=1e-3)


def test_views_of_a_backbone_that_learns_nothing_are_a_mistake(backbone: keras.Model) -> None:
    base = transfer(backbone).get_layer("backbone")
    backbones.unfreeze(base, "top_bn")
    with pytest.raises(UserError, match=r"nothing of the backbone to train.*finetune\.views"):
        backbones.cut(base)


@pytest.mark.slow
def test_finetuning_on_answers_of_lower_blocks_is_that_on_images(
    name: str, backbone: keras.Model, images: np.ndarray, values: dict[str, Any], tmp_path: Path
) -> None:
    still = Augment(rotation=0, shift=0, zoom=0, shear=0, flip=False)
    settings = Parameters.model_validate(values).finetune.model_copy(
        update={"epochs": 2, "unfreeze": "block7", "rounds": 1, "batch_size": 5, "lr": 0.001}
    )
    examples = Examples(images, np.arange(10) % 2)
    histories, trained = [], []
    for views, augment in ((None, still), (0, AUGMENT), (1, AUGMENT)):
        seed_everything(3)
        model = transfer(backbone)
        base = model.get_layer("backbone")
        if not name.startswith(LITE):  # random weights answer nearly 0
            base.get_layer("top_bn").gamma.assign(np.full(1280, 1e6))
        for layer in base.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0  # answers are given without it
        before = base.get_weights()
        chosen = settings.model_copy(update={"views": views})
        states = tmp_path / str(views)
        history, _ = finetune(model, examples, examples, chosen, augment, 1, states)
        histories.append(history[["loss", "val_loss"]].to_numpy())
        trained.append(base.get_weights())
        assert [path.name for path in states.iterdir()] == ["round-1"]
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-3)
    # Without the scaled layer, whose values would hide all others; it is not trained.
    first, usual, answered = (
        np.concatenate([w.ravel() for w in ws if np.abs(w).max() < 1e5])
        for ws in (before, *trained[:2])
    )
    moved = np.linalg.norm(usual - first)
    assert moved > 0.1
    assert np.linalg.norm(answered - usual) < 0.02 * moved
    # With a view beside it, the plain images' turn is the first epoch.
    np.testing.assert_allclose(histories[2][0], histories[0][0], rtol=1e-3)
    assert not np.allclose(histories[2][1], histories[0][1], rtol=1e-3)


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
    models.head(4, 2, dense=3, dropout=0).save_weights(path)
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
    artifacts.write_model(tmp_path / "m.keras", model)
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0), model.predict(images, verbose=0), rtol=1e-5
    )
