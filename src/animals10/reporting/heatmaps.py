"""Where a model looks: heat maps of the image regions that speak for a class."""

import keras
import numpy as np
from keras import ops
from PIL import Image

from animals10.models import pooling

_DIMMED, _OPACITY = 0.5, 0.7  # brightness of the photo, and of the hottest colour on it
_HOT = 255, 221, 64  # yellow, lighter than all that is dimmed
_CELLS = 7  # rows and columns of regions that are covered in turn


def draw(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute which regions of an image speak for a class, by the way that the model allows.

    Args:
        model: as the trainings save it.
        images: RGB 0..255 of the model's own size, uint8 of shape (n, size, size, 3).
        labels: the class to explain of each, int64 of shape (n,).

    Returns:
        float32 of shape (n, rows, columns), 0..1: `class_activation_maps`, or `occlusion_maps` of
        a transformer, which has no spatial layer before its classifier.
    """
    maps = class_activation_maps if pooling.is_in(model) else occlusion_maps
    return maps(model, images, labels)


def occlusion_maps(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute how improbable a class becomes when a region of an image is covered.

    Regions are covered by the image's mean colour.

    Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014.

    Args:
        model, images, labels: as for `draw`.

    Returns:
        float32 of shape (n, 7, 7), 0..1.
    """
    edges = np.linspace(0, images.shape[1], _CELLS + 1).round().astype(int)
    means = images.mean(axis=(1, 2), keepdims=True)
    heat = np.empty((len(images), _CELLS, _CELLS), np.float32)
    for row, column in np.ndindex(_CELLS, _CELLS):
        covered = images.astype("float32")
        rows, columns = (slice(*edges[each : each + 2]) for each in (row, column))
        covered[:, rows, columns] = means
        probabilities = np.asarray(model(covered, training=False))
        heat[:, row, column] = 1 - probabilities[np.arange(len(labels)), labels]
    return heat


def class_activation_maps(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute how probable a class is by each region of an image alone.

    Convolutional networks average their last spatial layer, and classify the average. Without the
    average, the same layers classify each position. That needs no gradients, for which Keras 3 has
    no call, and marks what the model needs better than Grad-CAM does; a test compares with
    occlusion.

    Source: Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016, for a
    head of one layer; Long et al., Fully Convolutional Networks, CVPR 2015, for any.

    Args:
        model: as the trainings save it: a CNN, or a layer `backbone` under a layer `head`.
        images: RGB 0..255 of the model's own size, uint8 of shape (n, size, size, 3).
        labels: the class to explain of each, int64 of shape (n,).

    Returns:
        float32 of shape (n, rows, columns), the size of the last spatial layer; 0..1.
    """
    body, following = pooling.split(model)
    activations = np.asarray(body(ops.convert_to_tensor(images, "float32"), training=False))
    x = ops.convert_to_tensor(activations.reshape(-1, activations.shape[-1]))
    for layer in following[1:]:
        x = layer(x)  # which is no training, so that dropout does nothing
    probabilities = np.asarray(x).reshape(*activations.shape[:3], -1)
    return np.take_along_axis(probabilities, labels[:, None, None, None], axis=-1)[..., 0]


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Light up the hot regions of the photo in grey, so that colours are of the map alone.

    The photo is dimmed first: so lightness rises with the heat, whatever is below.

    Args:
        image: uint8 RGB of shape (size, size, 3).
        heat: float32 of shape (rows, columns), 0..1.

    Returns:
        uint8 RGB of shape (size, size, 3).
    """
    # Between its lowest and highest value: an unsure model's map is as legible as a sure one's.
    heat = (heat - heat.min()) / max(np.ptp(heat), 1e-9)
    photo = Image.fromarray(image)
    grey = np.asarray(photo.convert("L").convert("RGB"), "float32")
    smooth = Image.fromarray(heat.astype("float32")).resize(photo.size, Image.Resampling.BILINEAR)
    weight = np.clip(np.asarray(smooth), 0, 1)
    mixed = _DIMMED * grey
    mixed += _OPACITY * weight[..., None] * (np.array(_HOT) - mixed)
    return np.round(mixed).astype(np.uint8)
