"""Random views of training images: one affine map (rotation, shift, zoom, shear) and a flip."""

import keras
import numpy as np

from animals10.parameters import Augment


def transforms(count: int, size: int, augment: Augment, rng: np.random.Generator) -> np.ndarray:
    """Draw random affine maps about the centre of a square image.

    Args:
        count: number of maps.
        size: side of the images in pixels.
        augment: bounds; each map's values are uniform within ± the bound, a flip has even odds.
        rng: source of the randomness.

    Returns:
        float32 array of shape (count, 8): rows a0 a1 a2 b0 b1 b2 0 0 of the map from output to
        input points, x' = a0 x + a1 y + a2, y' = b0 x + b1 y + b2, as Keras's affine_transform
        takes them.
    """
    angle = np.deg2rad(rng.uniform(-augment.rotation, augment.rotation, count))
    shear = np.tan(np.deg2rad(rng.uniform(-augment.shear, augment.shear, count)))
    zoom_x, zoom_y = rng.uniform(1 - augment.zoom, 1 + augment.zoom, (2, count))
    shift_x, shift_y = rng.uniform(-augment.shift, augment.shift, (2, count)) * size
    mirror = np.where(augment.flip & (rng.random(count) < 0.5), -1.0, 1.0)
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.empty((count, 2, 2))
    linear[:, 0, 0] = cos * zoom_x * mirror
    linear[:, 0, 1] = (cos * shear - sin) * zoom_y
    linear[:, 1, 0] = sin * zoom_x * mirror
    linear[:, 1, 1] = (sin * shear + cos) * zoom_y
    centre = np.full(2, (size - 1) / 2)
    offset = centre - linear @ centre + np.stack([shift_x, shift_y], axis=1)
    rows = np.concatenate([linear, offset[:, :, None]], axis=2).reshape(count, 6)
    return np.pad(rows, ((0, 0), (0, 2))).astype("float32")


def views(images: np.ndarray, augment: Augment, rng: np.random.Generator) -> np.ndarray:
    """Give one random view of each image; what a map leaves uncovered is filled by reflection.

    Args:
        images: uint8 or float32, shape (n, size, size, 3).
        augment: bounds of the transforms.
        rng: source of the randomness.

    Returns:
        float32 array of the same shape and value range.
    """
    maps = transforms(len(images), images.shape[1], augment, rng)
    moved = keras.ops.image.affine_transform(
        images.astype("float32"),
        maps,
        interpolation="bilinear",
        fill_mode="reflect",
        data_format="channels_last",
    )
    return keras.ops.convert_to_numpy(moved)
