"""Random transforms of training images: one affine map (rotation, shift, zoom, shear), a flip."""

import cv2
import numpy as np

from animals10.parameters import Augment

cv2.setNumThreads(1)  # the cores are the training's


def transforms(count: int, size: int, augment: Augment, rng: np.random.Generator) -> np.ndarray:
    """Draw random affine maps about the centre of a square image.

    Args:
        count: number of maps.
        size: side of the images in pixels.
        augment: bounds; each map's values are uniform within ± the bound, a flip has even odds.
        rng: source of the randomness.

    Returns:
        float64 array of shape (count, 2, 3), the maps from output to input points in pixels:
        [x' y'] = map @ [x y 1].
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
    return np.concatenate([linear, offset[:, :, None]], axis=2)


def augmented(images: np.ndarray, augment: Augment, rng: np.random.Generator) -> np.ndarray:
    """Transform each image at random; what a map leaves uncovered is filled by reflection.

    Args:
        images: uint8 or float32, shape (n, size, size, 3).
        augment: bounds of the transforms.
        rng: source of the randomness.

    Returns:
        Array of the same shape, type and value range.
    """
    size = images.shape[1]
    maps = transforms(len(images), size, augment, rng)
    moved = np.empty_like(images)
    # Not Keras's affine_transform: it takes eight times as long on the CPU.
    for image, to_input, target in zip(images, maps, moved, strict=True):
        # With a fourth channel, since OpenCV takes nearly twice as long for three.
        four = cv2.warpAffine(
            cv2.cvtColor(image, cv2.COLOR_RGB2RGBA),
            to_input,
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        cv2.cvtColor(four, cv2.COLOR_RGBA2RGB, dst=target)
    return moved
