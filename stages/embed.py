"""Compute the frozen backbone's features of all images: PYTHONPATH=src python stages/embed.py."""

from pathlib import Path

import numpy as np

from animals10 import artifacts, backbones, errors, parameters
from animals10.arrays import load_split
from animals10.embedding import features
from animals10.training import seed_everything


def main() -> None:
    """Write models/backbone.keras and data/features/<split>.npy.

    The features of train have shape (1 + views, n, channels), the plain ones first; those of
    validation and test have shape (n, channels).
    """
    params = parameters.load()
    size = params.embed.batch_size
    seed_everything(params.seed)
    backbone = backbones.build(params.backbone.name, params.image_size, params.backbone.weights)
    artifacts.write_model(Path("models/backbone.keras"), backbone)
    for split in ("validation", "test"):
        images = load_split(Path("data") / split).inputs
        artifacts.write_array(Path(f"data/features/{split}.npy"), features(backbone, images, size))
    train = load_split(Path("data/train")).inputs
    rng = np.random.default_rng(params.seed)
    drawn = [
        features(backbone, train, size, params.augment, rng) for _ in range(params.embed.views)
    ]
    table = np.stack([features(backbone, train, size), *drawn])
    artifacts.write_array(Path("data/features/train.npy"), table)


if __name__ == "__main__":
    errors.run(main)
