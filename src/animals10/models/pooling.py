"""Where a network averages its last spatial layer, and what precedes and follows that."""

import keras
from keras import layers


def is_in(model: keras.Model) -> bool:
    """Tell whether there is such a place; a transformer has none before its classifier.

    Args:
        model: as for `split`.
    """
    return bool(_poolings(_inner(model)))


def split(model: keras.Model) -> tuple[keras.Model, list[keras.Layer]]:
    """Split a model at its last average pooling.

    Args:
        model: a CNN, a backbone, or a layer `backbone` under a layer `head`.

    Returns:
        A model of images to the last spatial layer, and the layers from the pooling on, in order.
    """
    inner = _inner(model)
    last = _poolings(inner)[-1]  # squeeze-and-excitation pools within its blocks too
    head = model.get_layer("head").layers if inner is not model else []
    body = keras.Model(inner.inputs[0], inner.layers[last].input)
    return body, [*inner.layers[last:], *head]


def _inner(model: keras.Model) -> keras.Model:
    return next((layer for layer in model.layers if layer.name == "backbone"), model)


def _poolings(model: keras.Model) -> list[int]:
    kind = layers.GlobalAveragePooling2D
    return [number for number, layer in enumerate(model.layers) if isinstance(layer, kind)]
