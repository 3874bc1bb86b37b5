"""Compute the frozen backbone's features of all images: PYTHONPATH=src python stages/embed.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

import keras
import numpy as np

from animals10 import artifacts, backbones, parameters, weights
from animals10.arrays import Batches, load_split, predict
from animals10.parameters import Augment, Parameters
from animals10.seeding import seed_everything


def main() -> None:
    """Write models/backbone.keras and data/features/<split>.npy.

    The features of train have shape (1 + views, n, channels), the plain ones first; those of
    validation and test have shape (n, channels).
    """
    params = parameters.load()
    seed_everything(params.seed)
    backbone = backbones.build(
        params.backbone.name, params.image_size, weights.provided(Path("data/weights"))
    )
    artifacts.write_model(Path("models/backbone.keras"), backbone)
    for split in ("validation", "test"):
        _write(split, _features(backbone, split, params))
    views = [
        _features(backbone, "train", params, params.augment, view)
        for view in range(params.embed.views)
    ]
    _write("train", np.stack([_features(backbone, "train", params), *views]))


def _features(
    backbone: keras.Model,
    split: str,
    params: Parameters,
    augment: Augment | None = None,
    view: int = 0,
) -> np.ndarray:
    examples, size = load_split(Path("data") / split), params.embed.batch_size
    return predict(backbone, Batches(examples, size, params.seed, augment, view, shuffle=False))


def _write(split: str, features: np.ndarray) -> None:
    artifacts.write_array(Path(f"data/features/{split}.npy"), features)


if __name__ == "__main__":
    errors.run(main)
