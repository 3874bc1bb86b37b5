"""What befalls photos outside a data set: blur, noise and others, each in five strengths.

After Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations, ICLR 2019. Lengths are fractions of an image's side, so that a strength is the same
at every size.
"""

import io
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

Corruption = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


class Kind(NamedTuple):
    """A corruption, and what is given to it for each of the strengths 1 to 5."""

    apply: Corruption
    strengths: tuple[float, float, float, float, float]


def corrupt(image: np.ndarray, name: str, strength: int, rng: np.random.Generator) -> np.ndarray:
    """Corrupt an image.

    Args:
        image: uint8 RGB of shape (size, size, 3).
        name: a key of `KINDS`.
        strength: 1 to 5; 0 leaves the image as it is.
        rng: of noise and places.

    Returns:
        uint8 of the same shape.
    """
    if strength == 0:
        return image
    apply, strengths = KINDS[name]
    return apply(image, strengths[strength - 1], rng)


def _clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def _blur(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), sigma * len(image))


def _noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    return _clipped(image + 255 * deviation * rng.standard_normal(image.shape, np.float32))


def _jpeg(image: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=int(quality))
    return np.asarray(Image.open(buffer))


def _brightness(image: np.ndarray, shift: float, rng: np.random.Generator) -> np.ndarray:
    return _clipped(image + np.float32(255 * shift))


def _occlusion(image: np.ndarray, side: float, rng: np.random.Generator) -> np.ndarray:
    """Cover a square of a random place in grey."""
    covered, length = image.copy(), round(side * len(image))
    row, column = rng.integers(0, len(image) - length, 2, endpoint=True)
    covered[row : row + length, column : column + length] = 128
    return covered


def _rotation(image: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    centre, size = (len(image) - 1) / 2, image.shape[1::-1]
    turn = cv2.getRotationMatrix2D((centre, centre), degrees * rng.choice([-1, 1]), 1)
    return cv2.warpAffine(image, turn, size, borderMode=cv2.BORDER_REFLECT_101)


def _contrast(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    mean = image.mean(axis=(0, 1), keepdims=True, dtype=np.float32)
    return _clipped(mean + np.float32(factor) * (image - mean))


def _resolution(image: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    photo, side = Image.fromarray(image), max(1, round(fraction * len(image)))
    small = photo.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small.resize(photo.size, Image.Resampling.BILINEAR))


KINDS = {
    "blur": Kind(_blur, (0.005, 0.01, 0.015, 0.02, 0.03)),
    "noise": Kind(_noise, (0.05, 0.1, 0.15, 0.2, 0.3)),
    "jpeg": Kind(_jpeg, (40, 25, 15, 10, 5)),
    "brightness": Kind(_brightness, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "occlusion": Kind(_occlusion, (0.2, 0.3, 0.4, 0.5, 0.6)),
    "rotation": Kind(_rotation, (10, 20, 30, 45, 90)),
    "contrast": Kind(_contrast, (0.7, 0.5, 0.35, 0.2, 0.1)),
    "resolution": Kind(_resolution, (0.5, 0.33, 0.25, 0.167, 0.125)),
}
