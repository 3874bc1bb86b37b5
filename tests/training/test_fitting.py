import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from animals10.errors import UserError
from animals10.models import networks
from animals10.parameters import Parameters, TrainCnn
from animals10.training.batches import Batches, Examples
from animals10.training.execution import seed_everything
from animals10.training.fitting import Crossentropy, balanced_weights, compile_model, fit


def settings(values: dict[str, Any], **changes: object) -> TrainCnn:
    small = {"filters": [4, 8], "convolutions": [1, 1], "pool_sizes": [2, 2], "dense": 8}
    return Parameters.model_validate(values).train_cnn.model_copy(update=small | changes)


def colours(count: int, seed: int) -> Examples:
    """Make images of two classes that differ in colour, with noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.integers(0, 120, (count, 16, 16, 3))
    images[..., 0] += 100 * labels[:, None, None]
    return Examples(images.astype("uint8"), labels)


def once(model: keras.Model, train: Examples, settings: TrainCnn) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        return fit(model, Batches(train, 8, seed=1), colours(32, 2), settings, Path(folder))


def train(values: dict[str, Any], **changes: object) -> tuple[keras.Model, pd.DataFrame]:
    chosen = settings(values, **changes)
    seed_everything(3)
    model = networks.cnn(16, 2, chosen)
    compile_model(model, chosen, 8)
    return model, once(model, colours(64, 1), chosen)


def test_the_cnn_has_the_studys_layers(values: dict[str, Any]) -> None:
    model = networks.cnn(
        32, 10, settings(values, filters=[4, 8, 16], convolutions=[1, 2, 1], pool_sizes=[2, 2, 2])
    )
    kinds = [type(layer).__name__ for layer in model.layers]
    block = ["Conv2D", "BatchNormalization"]
    assert kinds == [
        "InputLayer", "Rescaling",
        *block, "MaxPooling2D", *block, *block, "MaxPooling2D", *block, "MaxPooling2D",
        "GlobalAveragePooling2D", "Dropout", "Dense", "Dropout", "Dense",
    ]  # fmt: skip
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == [
        0.1,
        0.5,
    ]
    out = model.predict(np.zeros((3, 32, 32, 3), "uint8"), verbose=0)
    assert out.shape == (3, 10)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.sum(axis=1), 1, rtol=1e-5)


def test_training_learns_and_keeps_the_best_epoch(values: dict[str, Any]) -> None:
    model, history = train(values, epochs=6, lr=0.01)
    assert list(history) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr"]
    best = history.iloc[history["val_loss"].to_numpy().argmin()]
    assert best["val_accuracy"] > 0.9
    data = colours(32, 2)
    loss, accuracy = model.evaluate(data.inputs, data.labels, verbose=0)
    np.testing.assert_allclose(
        [loss, accuracy], [best["val_loss"], best["val_accuracy"]], rtol=1e-4
    )
    assert best["val_loss"] == min(history["val_loss"])


def test_class_weights_choose_the_epoch_as_well(values: dict[str, Any]) -> None:
    chosen = settings(values, epochs=2, class_weights=True)
    model = networks.cnn(16, 2, chosen)
    compile_model(model, chosen, 8)
    data, held_out = colours(60, 1), colours(32, 2)
    few = np.r_[np.flatnonzero(data.labels == 0), np.flatnonzero(data.labels == 1)[:5]]
    rare = Examples(data.inputs[few], data.labels[few])
    history = once(model, rare, chosen)
    losses = keras.losses.SparseCategoricalCrossentropy(reduction=None)(
        held_out.labels, model.predict(held_out.inputs, verbose=0)
    )
    weighted = (np.asarray(losses) * balanced_weights(rare.labels)[held_out.labels]).mean()
    assert min(history["val_loss"]) == pytest.approx(weighted, rel=1e-4)
    assert abs(weighted - np.mean(losses)) > 0.01


class Counting(keras.layers.Layer):
    """Counts how often it is traced."""

    calls = 0

    def call(self, inputs: Any) -> Any:
        self.calls += 1
        return inputs


def test_a_step_is_traced_once(values: dict[str, Any]) -> None:
    chosen = settings(values, epochs=2)
    model = networks.cnn(16, 2, chosen)
    counting = Counting()
    model = keras.Model(model.input, counting(model.output))
    built = counting.calls
    compile_model(model, chosen, 8)
    once(model, colours(60, 1), chosen)
    assert counting.calls - built == 2  # one for training, one for validation


def test_training_stops_when_nothing_improves(values: dict[str, Any]) -> None:
    _, history = train(values, epochs=30, patience=1, lr=0.5)
    assert len(history) < 30


def test_training_twice_gives_the_same_weights(values: dict[str, Any]) -> None:
    one, other = (train(values, epochs=2)[0].get_weights() for _ in range(2))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_schedules_give_each_epoch_its_rate(values: dict[str, Any]) -> None:
    _, constant = train(values, epochs=3, lr=0.01, schedule="constant")
    assert constant["lr"].to_numpy() == pytest.approx([0.01, 0.01, 0.01])
    _, cosine = train(values, epochs=3, lr=0.01, schedule="cosine")
    assert cosine["lr"].to_numpy() == pytest.approx([0.01, 0.0075, 0.0025])
    _, warm = train(values, epochs=3, lr=0.01, schedule="cosine", warmup=0.5)
    assert warm["lr"].to_numpy() == pytest.approx([0, 0.00667, 0.0075], rel=0.01)


def test_balanced_weights_undo_the_imbalance() -> None:
    weights = balanced_weights(np.array([0] * 30 + [1] * 10))
    assert weights[0] * 30 == weights[1] * 10 == 20


def test_a_training_that_diverges_is_one_line(values: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"diverged in epoch 1 with lr = 1e\+30: .*; lower lr"):
        train(values, epochs=2, lr=1e30, optimizer="sgd", activation="elu")


def test_class_weights_change_what_is_learnt(values: dict[str, Any]) -> None:
    chosen = settings(values, epochs=1)
    data = colours(64, 1)
    rare = Examples(data.inputs[:40], np.array([0] * 36 + [1] * 4))
    losses = []
    for weighted in (False, True):
        seed_everything(1)
        model = networks.cnn(16, 2, chosen)
        picked = chosen.model_copy(update={"class_weights": weighted})
        compile_model(model, picked, 8)
        losses.append(once(model, rare, picked)["loss"][0])
    assert losses[0] != losses[1]


def test_smoothed_labels_share_their_part_among_the_classes() -> None:
    labels, probabilities = np.array([[2], [0]]), np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    plain = -np.log([0.7, 0.5])
    assert np.asarray(Crossentropy(0)(labels, probabilities)) == pytest.approx(plain.mean())
    smoothed = 0.7 * plain - 0.1 * np.log(probabilities).sum(axis=1)
    assert np.asarray(Crossentropy(0.3)(labels, probabilities)) == pytest.approx(smoothed.mean())


def test_the_head_scales_features_to_one_length() -> None:
    features = np.random.default_rng(0).uniform(0, 1, (5, 8)).astype(np.float32)
    for length, same in ((30.0, True), (None, False)):
        seed_everything(1)
        head = networks.head(8, 3, dense=4, dropout=0.5, feature_length=length)
        twice = head.predict(2 * features, verbose=0)
        assert np.allclose(twice, head.predict(features, verbose=0), atol=1e-6) == same
