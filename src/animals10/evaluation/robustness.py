"""How accuracy falls on corrupted test photos."""

from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from animals10.evaluation.corruptions import KINDS, corrupt
from animals10.parameters import Acceleration
from animals10.training import execution
from animals10.training.batches import Batches, Examples, stream

PHOTOS = 200  # of the short measurement
_SHORT = ("blur", "noise", "jpeg", "brightness", "occlusion")
_STRENGTHS = (1, 3, 5)
_CHUNK = 512  # corrupted images in memory


def plan(full: bool) -> dict[str, tuple[int, ...]]:
    """Return the strengths of each corruption that is measured: five kinds by three, or all."""
    if full:
        return dict.fromkeys(KINDS, (1, 2, 3, 4, 5))
    return dict.fromkeys(_SHORT, _STRENGTHS)


def sample(test: Examples, full: bool) -> Examples:
    """Take all photos, or at most 200, evenly spread over the split and so over its classes."""
    count = len(test.labels)
    if full or count <= PHOTOS:
        return test
    rows = np.linspace(0, count - 1, PHOTOS).round().astype(int)
    return Examples(test.inputs[rows], test.labels[rows])


def measure(
    name: str, test: Examples, kinds: dict[str, tuple[int, ...]], acceleration: Acceleration
) -> pd.DataFrame:
    """Measure a model's accuracy on clean and on corrupted photos.

    Args:
        name: cnn, frozen or finetuned; its file is models/<name>.keras.
        test: uint8 images of the model's size, and labels.
        kinds: as `plan` returns them.
        acceleration: the parameter.

    Returns:
        Columns model, corruption, strength (0 is clean), accuracy, photos.
    """
    model = keras.saving.load_model(Path("models") / f"{name}.keras", safe_mode=True)
    copy = execution.prediction_copy(model, acceleration)

    def accuracy(kind: str, strength: int) -> float:
        rights = [
            execution.predict(
                copy, Batches(chunk, 64, shuffle=False), acceleration, f"{kind} {strength}"
            ).argmax(axis=1) == chunk.labels
            for chunk in _chunks(test, kind, strength)
        ]  # fmt: skip
        return float(np.concatenate(rights).mean())

    return _table(name, kinds, accuracy, len(test.labels))


def _table(
    name: str, kinds: dict[str, tuple[int, ...]], accuracy: Callable[[str, int], float], photos: int
) -> pd.DataFrame:
    clean = accuracy("clean", 0)
    rows = [
        (name, kind, strength, accuracy(kind, strength) if strength else clean, photos)
        for kind, strengths in kinds.items()
        for strength in (0, *strengths)
    ]
    return pd.DataFrame(rows, columns=["model", "corruption", "strength", "accuracy", "photos"])


def _chunks(test: Examples, kind: str, strength: int) -> Iterator[Examples]:
    """Yield corrupted photos; what is random of one depends on its row alone."""
    for start in range(0, len(test.labels), _CHUNK):
        images = test.inputs[start : start + _CHUNK]
        corrupted = [
            corrupt(image, kind, strength, stream(kind, 0, start + row))
            for row, image in enumerate(images)
        ]
        yield Examples(np.stack(corrupted), test.labels[start : start + _CHUNK])
