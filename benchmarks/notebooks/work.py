"""What both notebooks do with their images; each work is a process, timed from outside."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import networks
import numpy as np

from animals10.training.fitting import balanced_weights

Feeds = Callable[[str, int], tuple[Any, Any]]


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch, validation included."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the seconds since."""
        self.seconds.append(time.perf_counter() - self.start)


def main(feeds: Feeds, folder: str, weights: str, epochs: str) -> None:
    """Train as many epochs as `epochs`, as JSON, has; print the histories as JSON.

    Args:
        feeds: gives the training and validation images of a folder, of a size in pixels.
        folder: with `train` and `validation`, a folder per class in each.
        weights: file of the backbone.
        epochs: of `frozen` and, if wanted, of `finetune`.
    """
    keras.utils.set_random_seed(1)
    chosen = json.loads(epochs)
    classes = sorted(path.name for path in Path(folder, "train").iterdir())
    balanced = _balanced(Path(folder, "train"), classes)
    images = feeds(folder, networks.SIZE)
    model = networks.frozen(len(classes), Path(weights))
    history = {"frozen": _fit(model, *images, chosen["frozen"], balanced)}
    if "finetune" in chosen:
        networks.unfreeze(model)
        history["finetune"] = _fit(model, *images, chosen["finetune"], balanced)
    print(json.dumps(history))


def _fit(
    model: keras.Model, train: Any, validation: Any, epochs: int, balanced: Any
) -> dict[str, list[float]]:
    clock = Clock()
    history = model.fit(
        train,
        validation_data=validation,
        epochs=epochs,
        class_weight=balanced,
        callbacks=[clock],
        verbose=0,
    )
    return history.history | {"seconds": clock.seconds}


def _balanced(folder: Path, classes: list[str]) -> dict[int, float]:
    counts = [len(list((folder / name).iterdir())) for name in classes]
    labels = np.repeat(np.arange(len(classes)), counts)
    return dict(enumerate(balanced_weights(labels).tolist()))
