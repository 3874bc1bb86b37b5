from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from animals10 import files
from animals10.acceleration.datasets import to_dataset
from animals10.errors import UserError
from animals10.parameters import Augment, Parameters
from animals10.training import execution
from animals10.training.batches import Batches, Examples, load_split, stream
from animals10.training.fitting import compile_model, fit

AUGMENT = Augment(rotation=15, shift=0.1, zoom=0.1, shear=10, flip=True)


def pixels(count: int = 10) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def examples(count: int = 10) -> Examples:
    return Examples(pixels(count), np.arange(count))


def test_a_split_is_mapped_not_loaded(tmp_path: Path) -> None:
    files.write_array(tmp_path / "images.npy", pixels())
    files.write_array(tmp_path / "labels.npy", examples().labels)
    loaded = load_split(tmp_path)
    assert isinstance(loaded.inputs, np.memmap)
    np.testing.assert_array_equal(loaded.inputs, examples().inputs)
    np.testing.assert_array_equal(loaded.labels, examples().labels)


def test_an_epoch_shows_every_example_once_with_its_own_label() -> None:
    data = examples()
    batches = Batches(data, batch_size=4, seed=1)
    assert len(batches) == 3
    inputs = np.concatenate([batches[i][0] for i in range(3)])
    labels = np.concatenate([batches[i][1] for i in range(3)])
    assert sorted(labels) == list(range(10))
    np.testing.assert_array_equal(inputs, data.inputs[labels])


def test_order_and_views_follow_from_seed_and_epoch_alone() -> None:
    first = Batches(examples(), 4, seed=1, augment=AUGMENT)
    first.set_epoch(1)
    resumed = Batches(examples(), 4, seed=1, augment=AUGMENT, epoch=1)
    for index in (2, 0, 1):
        for one, other in zip(first[index], resumed[index], strict=True):
            np.testing.assert_array_equal(one, other)


def test_every_epoch_and_seed_has_its_own_order() -> None:
    batches = Batches(examples(50), 50, seed=1)
    orders = [batches[0][1]]
    batches.set_epoch(1)
    orders += [batches[0][1], Batches(examples(50), 50, seed=2)[0][1]]
    assert len({tuple(order) for order in orders}) == 3


@pytest.mark.parametrize("acceleration", ["auto", "off"])
@pytest.mark.parametrize("augment", [AUGMENT, None])
def test_fit_shows_every_epoch_in_its_own_order(
    augment: Augment | None, acceleration: Any, values: dict[str, Any], tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []

    class Recording(Batches):
        def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
            seen.append((self.epoch, int(index)))
            return super().__getitem__(index)

    settings = Parameters.model_validate(values).train_frozen
    settings = settings.model_copy(update={"epochs": 3, "class_weights": True})
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential(layers)
    compile_model(model, settings, 3)
    batches = Recording(examples(), 4, 1, augment, epoch=2)
    fit(model, batches, examples(), settings, tmp_path, acceleration)
    expected = [(epoch, index) for epoch in (2, 3, 4) for index in range(3)]
    assert list(dict.fromkeys(seen)) == expected


@pytest.mark.parametrize("augment", [None, AUGMENT])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_dataset_has_the_batches_as_they_are(augment: Augment | None, weighted: bool) -> None:
    data = examples(40)
    if weighted:
        data = Examples(data.inputs, data.labels, np.linspace(1, 2, 40, dtype=np.float32))
    batches = Batches(data, 16, seed=1, augment=augment)
    dataset = to_dataset(batches)
    assert len(dataset) == len(batches) == 3
    for index, arrays in enumerate(dataset):
        for one, other in zip(arrays, batches[index], strict=True):
            np.testing.assert_array_equal(np.asarray(one), other)


def test_inputs_of_other_examples_than_the_labels_are_a_mistake() -> None:
    with pytest.raises(UserError, match="9 inputs for 10 labels"):
        Examples(examples().inputs[1:], examples().labels)


def flatten() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Flatten()(inputs))


@pytest.mark.parametrize("acceleration", ["auto", "off"])
def test_predictions_keep_the_order_of_unshuffled_batches(acceleration: Any) -> None:
    data = examples()
    batches = Batches(data, 4, shuffle=False)
    np.testing.assert_array_equal(np.concatenate([batches[i][1] for i in range(3)]), data.labels)
    model = flatten()
    np.testing.assert_array_equal(
        execution.predict(model, batches, acceleration), pixels().reshape(10, -1)
    )


def test_a_view_is_that_of_its_seed_and_number_also_in_prediction() -> None:
    model = flatten()

    def view(seed: int, number: int) -> np.ndarray:
        batches = Batches(examples(), 4, seed, AUGMENT, number, shuffle=False)
        return execution.predict(model, batches, "auto")

    batches = Batches(examples(), 4, 1, AUGMENT, 2, shuffle=False)
    expected = np.concatenate([batches[i][0] for i in range(3)]).reshape(10, -1)
    np.testing.assert_allclose(view(1, 2), expected)
    assert not np.allclose(view(1, 1), expected)
    assert not np.allclose(view(2, 2), expected)


@pytest.mark.parametrize(("scale", "shift"), [(1 / 255, 0), (1 / 127.5, -1), (257.0, 0)])
def test_images_scaled_before_are_refused(scale: float, shift: float) -> None:
    images = pixels() * scale + shift
    with pytest.raises(UserError, match=r"images have values from .*takes RGB in 0..255"):
        Batches(Examples(images, examples().labels), 4)


def test_images_scaled_before_are_refused_behind_black_ones() -> None:
    images = np.concatenate([np.zeros((100, 8, 8, 3)), pixels() / 255])
    with pytest.raises(UserError, match=r"images have values from 0 to "):
        Batches(Examples(images, np.arange(len(images))), 4)


def test_whole_pixels_that_are_nearly_black_are_taken() -> None:
    images = np.eye(8, dtype=np.uint8)[None, :, :, None].repeat(3, 3)
    assert len(Batches(Examples(images, np.arange(1)), 1)) == 1


def test_black_images_and_features_of_any_range_are_taken() -> None:
    for inputs in (np.zeros((2, 8, 8, 3)), np.full((2, 5), -3.0)):
        batches = Batches(Examples(inputs, np.arange(2)), 4, shuffle=False)
        np.testing.assert_array_equal(batches[0][0], inputs)


def test_no_two_purposes_share_their_random_numbers() -> None:
    purposes, numbers = ("order", "augmentation", "samples"), ([0], [1], [2, 0], [1, 1])
    drawn = {stream(word, 42, *each).random() for word in purposes for each in numbers}
    assert len(drawn) == len(purposes) * len(numbers)
    # Those of the drawn sample.
    assert not drawn & {np.random.default_rng([42, *each]).random() for each in numbers}
