"""Arrays on disk, and the batches that models draw from them."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from animals10.errors import UserError
from animals10.images.stored import ArchivedImages, read_split
from animals10.parameters import Augment
from animals10.training.augmentation import augmented


@dataclass(frozen=True)
class Examples:
    """Inputs and their class indices, row by row.

    `inputs` may be mapped from disk or decoded when read, `labels` is int64 of shape (n,), and
    `weights` is float32 of shape (n,): how much each row counts in a loss, or None for all alike.

    Raises:
        UserError: there are not as many inputs as labels.
    """

    inputs: np.ndarray | ArchivedImages
    labels: np.ndarray
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Compare their lengths."""
        if len(self.inputs) != len(self.labels):
            raise UserError(
                f"there are {len(self.inputs)} inputs for {len(self.labels)} labels, so they are "
                "not of the same photos; run `dvc repro` to make both anew"
            )

    def arrays(self) -> Iterator[np.ndarray | ArchivedImages]:
        """Yield inputs, labels and, where there are some, weights: the parts of a Keras batch."""
        yield from (self.inputs, self.labels)
        if self.weights is not None:
            yield self.weights


def load_split(folder: Path, fetched: Path = Path("data/_stages/fetch")) -> Examples:
    """Map one split's decoded images from disk, or decode them when they are read.

    Args:
        folder: `train`, `validation` or `test` in data/_stages/split/cnn or …/transfer.
        fetched: has the photos where `split.decode` is on_the_fly.

    Returns:
        uint8 images of shape (n, size, size, 3), and labels.
    """
    return Examples(*read_split(folder, fetched))


class Batches(keras.utils.PyDataset):
    """Batches whose order and augmentation follow from seed and epoch alone.

    Args:
        examples: what to draw from.
        batch_size: rows a batch; the last may be smaller.
        seed: of order and augmentation.
        augment: bounds of the random transforms of images; None leaves inputs as they are.
        epoch: number of the first epoch.
        shuffle: draw in a new random order each epoch; otherwise row by row.

    Attributes:
        epoch: number of the current epoch; see `set_epoch`.

    Raises:
        UserError: the inputs are images, but not in 0..255.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        seed: int = 0,
        augment: Augment | None = None,
        epoch: int = 0,
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
        self.set_epoch(epoch)

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of an epoch; its augmentation follows batch by batch."""
        self.epoch = epoch
        self.order = np.arange(len(self.examples.labels))
        if self.shuffle:
            stream("order", self.seed, self.epoch).shuffle(self.order)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """Return batch `index` of the current epoch as (inputs, labels) or (…, weights)."""
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        inputs, *others = (array[rows] for array in self.examples.arrays())
        if self.augment:
            inputs = augmented(
                inputs, self.augment, stream("augmentation", self.seed, self.epoch, index)
            )
        return inputs, *others


def _require_pixels(images: np.ndarray) -> None:
    """Refuse images that were scaled already; black ones pass, as nothing tells their scale."""
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 255 or 0 < high <= 1:
        raise UserError(
            f"images have values from {low:g} to {high:g}; every model takes RGB in 0..255 and "
            "scales it itself: give the pixels as they are"
        )


def stream(purpose: str, seed: int, *numbers: int) -> np.random.Generator:
    """Return the random numbers of one purpose, which no other purpose of the same seed draws.

    Args:
        purpose: a word.
        seed: of the parameters.
        numbers: what distinguishes streams of the same purpose, say epoch and batch.
    """
    # All of one length but for zeros at the end, which NumPy takes for nothing.
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *numbers])
