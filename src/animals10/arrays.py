"""Arrays on disk, and the batches that models draw from them."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from animals10.augmentation import views
from animals10.errors import UserError
from animals10.memory import evictable, take
from animals10.parameters import Augment
from animals10.seeding import stream

_STRETCH = 3 * 2**19  # bytes, drawn at once; more would not wait in the processor's own cache
_SPARSE_STRETCH = 8 * 2**20  # of an array that is not kept, as what is between its rows comes along


@dataclass(frozen=True)
class Examples:
    """Inputs and their class indices, row by row.

    `inputs` may be mapped from disk; `labels` is int64 of shape (n,).

    Raises:
        UserError: there are not as many inputs as labels.
    """

    inputs: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        """Compare their lengths."""
        if len(self.inputs) != len(self.labels):
            raise UserError(
                f"there are {len(self.inputs)} inputs for {len(self.labels)} labels, so that they "
                "are not of the same photos; make both anew, as `dvc repro` does"
            )


def load_split(folder: Path) -> Examples:
    """Map one split's decoded images from disk.

    Args:
        folder: `train`, `validation` or `test` in data/_stages/split.

    Returns:
        uint8 images of shape (n, size, size, 3), and labels.
    """
    images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
    return Examples(images, np.load(folder / "labels.npy", allow_pickle=False))


class Batches(keras.utils.PyDataset):
    """Batches whose order follows from (seed, epoch) alone, their views from batch_size as well.

    Args:
        examples: what to draw from.
        batch_size: rows a batch; the last may be smaller.
        seed: of order and views.
        augment: bounds of random views for image inputs; None leaves inputs as they are.
        first_epoch: number of the first epoch, so that a later round, or a further view of the
            same images, is drawn anew.
        shuffle: draw in a new random order each epoch; otherwise row by row.

    Attributes:
        epoch: number of the current epoch; `fit` counts it up.
        class_weights: float32, by class index; batches then weigh each row by that of its class.

    Raises:
        UserError: the inputs are images, but not in 0..255.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        seed: int = 0,
        augment: Augment | None = None,
        first_epoch: int = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__()
        if examples.inputs.ndim == 4 and examples.inputs.dtype != np.uint8:
            _require_pixels(examples.inputs[:: -(-len(examples.inputs) // 64)])
        self.examples = examples
        self.batch_size = batch_size
        self.seed = seed
        self.augment = augment
        self.shuffle = shuffle
        self.class_weights: np.ndarray | None = None
        self.begin(first_epoch)

    def begin(self, epoch: int) -> None:
        """Take up an epoch's order and views."""
        self.epoch = epoch
        self.order = np.arange(len(self.examples.labels))
        if self.shuffle:
            stream("order", self.seed, self.epoch).shuffle(self.order)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """Return batch `index` of the current epoch as (inputs, labels) or with weights third."""
        inputs, *told = self.stretch(index, 1)
        if self.augment:
            inputs = views(inputs, self.augment, stream("views", self.seed, self.epoch, index))
        return inputs, *told

    def stretch(self, index: int, count: int) -> tuple[np.ndarray, ...]:
        """Return `count` batches from `index` on as one, without views."""
        rows = self.order[index * self.batch_size : (index + count) * self.batch_size]
        labels = self.examples.labels[rows]
        drawn = take(self.examples.inputs, rows), labels
        return drawn if self.class_weights is None else (*drawn, self.class_weights[labels])


class RecurringViews(Batches):
    """Batches of views that are there already and take turns: the next epoch has the next one.

    Args:
        views: of the same examples, row by row.
        batch_size: as of `Batches`.
        seed: of the order.
        first_epoch: as of `Batches`.
    """

    def __init__(
        self, views: Sequence[Examples], batch_size: int, seed: int, first_epoch: int = 0
    ) -> None:
        self.views = views
        super().__init__(views[0], batch_size, seed, first_epoch=first_epoch)

    def begin(self, epoch: int) -> None:
        """Take up an epoch's order and view."""
        self.examples = self.views[epoch % len(self.views)]
        super().begin(epoch)


def plain_and_views(
    examples: Examples, batch_size: int, seed: int, augment: Augment, count: int, first: int = 0
) -> list[Batches]:
    """Return what draws images row by row: first as they are, then in random views.

    Args:
        examples: images.
        batch_size: as of `Batches`.
        seed: of the views.
        augment: their bounds.
        count: how many of each image.
        first: number of the first; views of the same number are the same.

    Returns:
        1 + count batches.
    """
    return [
        Batches(examples, batch_size, shuffle=False),
        *(
            Batches(examples, batch_size, seed, augment, number, shuffle=False)
            for number in range(first, first + count)
        ),
    ]


def feed(batches: Batches) -> Any:
    """Give batches the form that Keras draws from without delay.

    Args:
        batches: as they are at the time of drawing.

    Returns:
        The batches; with TensorFlow a `tf.data.Dataset` of them, since Keras would make one that
        tunes itself, and the thread that tunes often holds up the end of an epoch: it sleeps for
        10 ms, 20 ms, 40 ms and so on up to a minute (TensorFlow 2.21, model.cc, OptimizeLoop).
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    specs = signature(batches)
    count = _at_once(batches)

    def draw(index: Any) -> list[Any]:
        get = batches.__getitem__ if count == 1 else lambda first: batches.stretch(first, count)
        # Stateful, so that TensorFlow, asked for deterministic results, draws when the training
        # asks (make_deterministic.cc). Ahead of it, nothing is gained on cores that the training
        # has in use, and a training that is stopped waits for ever for the thread that draws.
        drawn = tf.numpy_function(get, [index], [spec.dtype for spec in specs])
        return list(map(tf.ensure_shape, drawn, [spec.shape for spec in specs]))

    # Not `from_generator`: once used, it makes glibc give memory back after every operation
    # (TensorFlow 2.21, generator_dataset_op.cc), and a training fault its pages in anew.
    dataset = tf.data.Dataset.range(0, len(batches), count).map(draw)
    if count > 1:
        dataset = dataset.prefetch(1).rebatch(batches.batch_size)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)


def _at_once(batches: Batches) -> int:
    """Return how many batches are drawn at once, so that a call of Python costs little of each."""
    if batches.augment:
        return 1  # as each has its own random numbers
    inputs = batches.examples.inputs
    row = inputs.dtype.itemsize * math.prod(inputs.shape[1:])
    stretch = _STRETCH if evictable(inputs) is None else _SPARSE_STRETCH
    return max(1, stretch // (row * batches.batch_size))


def _require_pixels(images: np.ndarray) -> None:
    """Refuse images that were scaled already: each model scales 0..255 itself.

    Black images pass: of them nothing can be told.
    """
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 255 or 0 < high <= 1:
        raise UserError(
            f"images have values from {low:g} to {high:g}; every model takes RGB in 0..255 and "
            "scales it itself: give the pixels as they are"
        )


def signature(batches: Batches) -> list[Any]:
    """Return TensorFlow's description of a batch: a `tf.TensorSpec` of each of its arrays."""
    import tensorflow as tf

    inputs, labels = batches.examples.inputs, batches.examples.labels
    specs = [tf.TensorSpec((None, *inputs.shape[1:]), inputs.dtype)]
    specs += [tf.TensorSpec((None,), labels.dtype)]
    return specs if batches.class_weights is None else [*specs, tf.TensorSpec((None,), tf.float32)]


def verbosity() -> int:
    """Return Keras's `verbose` for the current output: a bar on a terminal, else plain lines."""
    return 1 if sys.stdout.isatty() else 2
