"""Where a model looks: heat maps of the image regions that speak for a class."""

import keras
import numpy as np
from keras import layers, ops
from PIL import Image

_OPACITY = 0.65  # of the hottest colour on a photo


def class_activation_maps(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute how probable a class is by each region of an image alone.

    All networks here average their last spatial layer, and classify the average. Without the
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
    body, following = split_at_pooling(model)
    activations = np.asarray(body(ops.convert_to_tensor(images, "float32"), training=False))
    x = ops.convert_to_tensor(activations.reshape(-1, activations.shape[-1]))
    for layer in following:
        x = layer(x)  # which is no training, so that dropout does nothing
    probabilities = np.asarray(x).reshape(*activations.shape[:3], -1)
    return np.take_along_axis(probabilities, labels[:, None, None, None], axis=-1)[..., 0]


def split_at_pooling(model: keras.Model) -> tuple[keras.Model, list[keras.Layer]]:
    """Split a model at its last average pooling.

    Args:
        model: as for `class_activation_maps`.

    Returns:
        A model of images to the last spatial layer, and the layers after the pooling, in order.
    """
    nested = next((layer for layer in model.layers if layer.name == "backbone"), None)
    inner = nested or model
    # The last one: squeeze-and-excitation pools within its blocks too.
    last = max(
        number
        for number, layer in enumerate(inner.layers)
        if isinstance(layer, layers.GlobalAveragePooling2D)
    )
    head = model.get_layer("head").layers if nested else []
    body = keras.Model(inner.inputs[0], inner.layers[last].input)
    return body, [*inner.layers[last + 1 :], *head]


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay a heat map over the photo in grey, so that colours are of the map alone.

    Args:
        image: uint8 RGB of shape (size, size, 3).
        heat: float32 of shape (rows, columns), 0..1.

    Returns:
        uint8 RGB of shape (size, size, 3).
    """
    from matplotlib import colormaps  # here, since it takes a while to import

    # Between its lowest and highest value: an unsure model's map is as legible as a sure one's.
    heat = (heat - heat.min()) / max(np.ptp(heat), 1e-9)
    photo = Image.fromarray(image)
    grey = np.asarray(photo.convert("L").convert("RGB"), "float32")
    smooth = Image.fromarray(heat.astype("float32")).resize(photo.size, Image.Resampling.BILINEAR)
    weight = np.clip(np.asarray(smooth), 0, 1)
    colours = 255 * colormaps["inferno"](weight)[..., :3]  # its lightness rises with the heat
    mixed = grey + _OPACITY * weight[..., None] * (colours - grey)
    return np.round(mixed).astype(np.uint8)
