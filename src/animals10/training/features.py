"""A frozen backbone's features of images, computed once for every training of a head."""

from pathlib import Path

import keras
import numpy as np

from animals10.parameters import Acceleration, Augment
from animals10.training import execution
from animals10.training.batches import Batches, Examples


def compute(
    backbone: keras.Model,
    examples: Examples,
    batch_size: int,
    acceleration: Acceleration,
    augment: Augment | None = None,
    copies: int = 0,
    seed: int = 0,
) -> np.ndarray:
    """Run images through a backbone, unaugmented and in random transforms.

    Args:
        backbone: images to features.
        examples: images.
        batch_size: images at once.
        acceleration: the parameter.
        augment: bounds of the transforms.
        copies: augmented copies of each image.
        seed: of the transforms.

    Returns:
        float32 features of shape (1 + copies, n, channels), the unaugmented ones first.
    """
    plain = Batches(examples, batch_size, shuffle=False)
    drawn = [
        Batches(examples, batch_size, seed, augment, number, shuffle=False)
        for number in range(copies)
    ]
    model = execution.prediction_copy(backbone, acceleration)
    return np.stack(
        [
            execution.predict(
                model, batches, acceleration, f"features, pass {number} of {copies + 1}"
            )
            for number, batches in enumerate([plain, *drawn], 1)
        ]
    )


def load(folder: Path, split: str, augmented: bool = True) -> Examples:
    """Map the features that the stage `embed` wrote, each augmented copy as a further example.

    Args:
        folder: data/_stages/embed.
        split: train or validation.
        augmented: False leaves the augmented copies out.

    Returns:
        float32 features of shape (copies * n, channels), and labels.
    """
    features = np.load(folder / f"{split}.npy", mmap_mode="r", allow_pickle=False)
    features = features if augmented else features[:1]
    labels = np.load(folder / f"{split}_labels.npy", allow_pickle=False)
    return Examples(features.reshape(-1, features.shape[-1]), np.tile(labels, len(features)))
