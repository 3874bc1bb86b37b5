"""Features of images: what a frozen backbone says of them, computed once."""

import keras
import numpy as np
from tqdm import tqdm

from animals10.augmentation import views
from animals10.parameters import Augment


def features(
    backbone: keras.Model,
    images: np.ndarray,
    batch_size: int,
    augment: Augment | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Compute pooled features in inference mode, so that no batch statistic moves.

    Args:
        backbone: images to features.
        images: uint8 RGB of shape (n, size, size, 3).
        batch_size: images at once; it does not change the result beyond rounding.
        augment: bounds of one random view of each image, for which `rng` is needed; None takes
            the images as they are.
        rng: randomness of the views.

    Returns:
        float32 array of shape (n, channels).
    """
    table = np.empty((len(images), backbone.output_shape[-1]), np.float32)
    for start in tqdm(range(0, len(images), batch_size), desc="embed", unit="batch", disable=None):
        # One type for plain and augmented batches, or the backend compiles the model for each.
        batch = images[start : start + batch_size].astype("float32")
        if augment and rng:
            batch = views(batch, augment, rng)
        table[start : start + len(batch)] = backbone.predict_on_batch(batch)
    return table
