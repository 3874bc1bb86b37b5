import os
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import psutil
import pytest

from animals10 import artifacts
from animals10.arrays import Batches, Examples, RecurringViews, feed, load_split
from animals10.errors import UserError
from animals10.inference import Predictor
from animals10.parameters import Augment, Parameters
from animals10.seeding import stream
from animals10.training import compile_model, fit

RESET = Path("/proc/self/clear_refs")  # of Linux
AUGMENT = Augment(rotation=15, shift=0.1, zoom=0.1, shear=10, flip=True)


def examples(count: int = 10) -> Examples:
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return Examples(images, np.arange(count))


def test_a_split_is_mapped_not_loaded(tmp_path: Path) -> None:
    artifacts.write_array(tmp_path / "images.npy", examples().inputs)
    artifacts.write_array(tmp_path / "labels.npy", examples().labels)
    loaded = load_split(tmp_path)
    assert isinstance(loaded.inputs, np.memmap)
    np.testing.assert_array_equal(loaded.inputs, examples().inputs)
    np.testing.assert_array_equal(loaded.labels, examples().labels)


def resident(path: Path) -> int:
    maps = psutil.Process().memory_maps()
    return sum(one.rss for one in maps if one.path == str(path))


def mapped_array(path: Path, count: int) -> np.ndarray:
    """Map `count` rows of features from disk; each begins with its number, the rest are zeros."""
    shape = (count, 1280)
    np.lib.format.open_memmap(path, "w+", np.dtype(np.float32), shape)[:, 0] = np.arange(count)
    return np.load(path, mmap_mode="r", allow_pickle=False)


LARGE = 70_000  # rows, 342 MiB


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux tells what is resident of a file")
def test_nothing_of_a_large_mapped_array_stays_in_memory(tmp_path: Path) -> None:
    mapped = mapped_array(tmp_path / "features.npy", LARGE)
    mapped.sum()
    assert resident(tmp_path / "features.npy") >= mapped.nbytes
    inputs, labels = Batches(Examples(mapped, np.arange(LARGE)), 32)[0]
    np.testing.assert_array_equal(inputs[:, 0], labels)
    assert resident(tmp_path / "features.npy") == 0


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux tells what is resident of a file")
def test_a_small_mapped_array_stays_mapped(tmp_path: Path) -> None:
    mapped = mapped_array(tmp_path / "features.npy", 1000)
    Batches(Examples(mapped, np.arange(1000)), 1000)[0]
    assert resident(tmp_path / "features.npy") >= mapped.nbytes


def peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


@pytest.mark.skipif(not os.access(RESET, os.W_OK), reason="the peak of memory cannot be reset")
def test_little_of_a_mapped_array_is_in_memory_while_many_rows_are_drawn(tmp_path: Path) -> None:
    mapped = mapped_array(tmp_path / "features.npy", LARGE)
    batches = Batches(Examples(mapped, np.arange(LARGE)), 32)
    RESET.write_text("5", encoding="ascii")
    before = peak()
    inputs, labels = batches.stretch(0, 50)
    assert peak() - before < inputs.nbytes + mapped.nbytes // 4
    np.testing.assert_array_equal(inputs[:, 0], labels)


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
    first.begin(1)
    resumed = Batches(examples(), 4, seed=1, augment=AUGMENT, first_epoch=1)
    for index in (2, 0, 1):
        for one, other in zip(first[index], resumed[index], strict=True):
            np.testing.assert_array_equal(one, other)


def test_every_epoch_and_seed_has_its_own_order() -> None:
    batches = Batches(examples(50), 50, seed=1)
    orders = [batches[0][1]]
    batches.begin(1)
    orders += [batches[0][1], Batches(examples(50), 50, seed=2)[0][1]]
    assert len({tuple(order) for order in orders}) == 3


@pytest.mark.parametrize(("augment", "drawn"), [(AUGMENT, [0, 1, 2]), (None, [0])])
def test_fit_shows_every_epoch_in_its_own_order(
    augment: Augment | None, drawn: list[int], values: dict[str, Any], tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []

    class Recording(Batches):
        def stretch(self, index: int, count: int) -> tuple[np.ndarray, ...]:
            seen.append((self.epoch, index))
            return super().stretch(index, count)

    settings = Parameters.model_validate(values).train_frozen
    settings = settings.model_copy(update={"epochs": 3, "class_weights": True})
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential(layers)
    compile_model(model, settings)
    fit(model, Recording(examples(), 4, 1, augment, first_epoch=2), examples(), settings, tmp_path)
    assert seen == [(epoch, index) for epoch in (2, 3, 4) for index in drawn]


@pytest.mark.parametrize("augment", [None, AUGMENT])
@pytest.mark.parametrize("weighted", [False, True])
def test_keras_is_fed_the_batches_as_they_are(augment: Augment | None, weighted: bool) -> None:
    """Of the inputs without views, more than are drawn at once; and all held at the same time."""
    count = 40 if augment else 50_000
    batches = Batches(examples(count), 32, seed=1, augment=augment)
    if weighted:
        batches.class_weights = np.linspace(1, 2, count, dtype=np.float32)
    fed = feed(batches)
    assert len(fed) == len(batches)
    for index, arrays in enumerate(list(fed)):
        for one, other in zip(arrays, batches[index], strict=True):
            np.testing.assert_array_equal(np.asarray(one), other)


def test_tensorflow_takes_drawn_rows_without_a_copy() -> None:
    places: list[int] = []

    class Placed(Batches):
        def stretch(self, index: int, count: int) -> tuple[np.ndarray, ...]:
            inputs, labels = super().stretch(index, count)
            places.append(inputs.ctypes.data)
            return inputs, labels

    inputs, _ = next(iter(feed(Placed(examples(1000), 32))))
    assert [np.asarray(memoryview(inputs)).ctypes.data] == places


def test_inputs_of_other_examples_than_the_labels_are_a_mistake() -> None:
    with pytest.raises(UserError, match="9 inputs for 10 labels"):
        Examples(examples().inputs[1:], examples().labels)


def flatten() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Flatten()(inputs))


def test_unshuffled_batches_keep_the_order_and_are_answered_in_it() -> None:
    data = examples()
    batches = Batches(data, 4, shuffle=False)
    np.testing.assert_array_equal(np.concatenate([batches[i][1] for i in range(3)]), data.labels)
    model = flatten()
    np.testing.assert_array_equal(Predictor(model).predict(batches), data.inputs.reshape(10, -1))


def test_answers_wait_to_be_taken() -> None:
    drawn: list[int] = []

    class Noted(Batches):
        def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
            drawn.append(index)
            return super().__getitem__(index)

    answers = Predictor(flatten()).answers(Noted(examples(), 1, shuffle=False))
    next(answers)
    time.sleep(0.5)
    assert len(drawn) <= 4
    assert len(list(answers)) == 9


def test_a_view_is_that_of_its_seed_and_number_also_in_prediction() -> None:
    model = flatten()

    def view(seed: int, number: int) -> np.ndarray:
        return Predictor(model).predict(
            Batches(examples(), 4, seed, AUGMENT, number, shuffle=False)
        )

    batches = Batches(examples(), 4, 1, AUGMENT, 2, shuffle=False)
    expected = np.concatenate([batches[i][0] for i in range(3)]).reshape(10, -1)
    np.testing.assert_allclose(view(1, 2), expected)
    assert not np.allclose(view(1, 1), expected)
    assert not np.allclose(view(2, 2), expected)


def test_views_that_are_there_take_turns_in_the_epochs() -> None:
    labels = np.arange(10)
    views = [Examples(np.full((10, 2), value), labels) for value in (5, 6)]
    batches = RecurringViews(views, 4, seed=1, first_epoch=3)
    seen = []
    for epoch in (3, 4, 5):
        batches.begin(epoch)
        inputs = np.concatenate([batches[i][0] for i in range(3)])
        drawn = np.concatenate([batches[i][1] for i in range(3)])
        np.testing.assert_array_equal(drawn, Batches(views[0], 10, 1, first_epoch=epoch)[0][1])
        seen.append(set(inputs.ravel()))
    assert seen == [{6}, {5}, {6}]


@pytest.mark.parametrize(("scale", "shift"), [(1 / 255, 0), (1 / 127.5, -1), (257.0, 0)])
def test_images_scaled_before_are_refused(scale: float, shift: float) -> None:
    images = examples().inputs * scale + shift
    with pytest.raises(UserError, match=r"images have values from .*takes RGB in 0..255"):
        Batches(Examples(images, examples().labels), 4)


def test_images_scaled_before_are_refused_behind_black_ones() -> None:
    images = np.concatenate([np.zeros((100, 8, 8, 3)), examples().inputs / 255])
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
    purposes, numbers = ("order", "views", "samples"), ([0], [1], [2, 0], [1, 1])
    drawn = {stream(word, 42, *each).random() for word in purposes for each in numbers}
    assert len(drawn) == len(purposes) * len(numbers)
    # Those of the drawn sample.
    assert not drawn & {np.random.default_rng([42, *each]).random() for each in numbers}
