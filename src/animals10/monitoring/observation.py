"""What is kept of a prediction: a few numbers, never the image."""

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

# The numbers of a prediction, before those of its projection; and their digits.
NUMBERS = {"probability": 6, "brightness": 2, "sharpness": 3}
_PROJECTED = 5  # digits
_CHUNK = 256  # images at once, since there may be more than memory holds


class Observations(NamedTuple):
    """What is kept of n predictions, rounded as a log holds it.

    `predicted` is int64 of shape (n,), indices of the classes. `numbers` is float64 of shape
    (n, 3 + k): the probability of that class, 0..1; brightness and sharpness, of grey levels,
    0..255, and 0 or more; and the projection of the features.
    """

    predicted: np.ndarray
    numbers: np.ndarray


def observe(images: Any, probabilities: np.ndarray, projection: np.ndarray) -> Observations:
    """Measure images, and take from a model's outputs what is kept of them.

    Args:
        images: uint8 RGB of shape (n, size, size, 3), in an array or like one, at least one, as the
            model got them.
        probabilities: float32 of shape (n, classes), calibrated.
        projection: float32 of shape (n, k), as the model gives it.
    """
    starts = range(0, len(images), _CHUNK)
    light = [_light(image) for start in starts for image in images[start : start + _CHUNK]]
    columns = zip((probabilities.max(axis=1), *np.transpose(light)), NUMBERS.values(), strict=True)
    numbers = [column.astype(np.float64).round(digits) for column, digits in columns]
    projected = projection.astype(np.float64).round(_PROJECTED)
    return Observations(probabilities.argmax(axis=1), np.column_stack([*numbers, projected]))


def _light(image: np.ndarray) -> tuple[float, float]:
    """Return the mean of an image's grey levels, and the standard deviation of their Laplacian.

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000; the
    square of the latter is their measure of sharpness.
    """
    grey = np.asarray(Image.fromarray(image).convert("L"), np.float32)
    neighbours = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(grey.mean()), float((neighbours - 4 * grey[1:-1, 1:-1]).std())
