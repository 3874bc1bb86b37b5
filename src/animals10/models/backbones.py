"""Networks pre-trained on other data, as feature extractors of 0..255 RGB images."""

import sys
import warnings
from pathlib import Path

import keras
import numpy as np

from animals10.errors import UserError
from animals10.models import efficientnet_lite
from animals10.models.hub import network as hub

# What the normalization layer of Keras's ImageNet weights for EfficientNetB0 to B7 holds as its
# variance: the standard deviations.
_DEVIATIONS = np.array([0.229, 0.224, 0.225])


def build(name: str, image_size: int, weights: Path | None = None) -> keras.Model:
    """Build a backbone without its classifier, with its own preprocessing and average pooling.

    Args:
        name: one of `parameters.BACKBONES`; any for a preset of KerasHub.
        image_size: side of the input in pixels.
        weights: a file of no-top weights that Keras loads, or the folder of a preset, as
            `weights.provided` returns it; None leaves them random.

    Returns:
        A model named `backbone`: RGB 0..255 of shape (n, image_size, image_size, 3) to float32
        features of shape (n, channels).

    Raises:
        UserError: the weights are not this backbone's.
    """
    if weights and weights.is_dir():
        return hub.load(weights, image_size)
    backbone = assemble(name, image_size, None)
    if weights:
        try:
            with warnings.catch_warnings():
                # Keras warns of each layer that does not fit, then fails with a summary.
                warnings.simplefilter("ignore")
                backbone.load_weights(weights)
        except Exception as error:  # an HDF5 file fails in many ways
            raise UserError(
                f"backbone.weights: {weights} cannot be loaded into {name} without its top: "
                f"{' '.join(str(error).split())[:200]}; give weights of this very backbone"
            ) from None
        _normalize_as_trained(backbone)
    return backbone


def assemble(name: str, image_size: int, weights: str | None) -> keras.Model:
    """Give what `build` gives, with random weights or with those that Keras knows by name.

    Args:
        name: as for `build`.
        image_size: as for `build`.
        weights: as keras.applications takes them; None for a network that is not Keras's.

    Returns:
        A model as `build` gives it.
    """
    image = keras.Input((image_size, image_size, 3), name="image")
    if name in efficientnet_lite.SCALES:
        backbone = efficientnet_lite.build(name, image)
        backbone.name = "backbone"
        return backbone
    builder = getattr(keras.applications, name)
    # Keras keeps each network's own preprocessing beside its builder.
    preprocess = sys.modules[builder.__module__].preprocess_input
    backbone = builder(
        include_top=False,
        weights=weights,
        input_tensor=preprocess(image),
        input_shape=(image_size, image_size, 3),
        pooling="avg",
    )
    backbone.name = "backbone"  # not as an argument: EfficientNetV2 finds its blocks by its name
    return backbone


def _normalize_as_trained(backbone: keras.Model) -> None:
    """Fix the scale of Keras's own EfficientNet weights.

    They hold the standard deviation where the layer takes the variance, and keras.applications
    divides by its root once more, but only for `weights="imagenet"`; from a file the images would
    come out half as strong. See https://github.com/tensorflow/tensorflow/issues/49930.
    """
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            mean, variance, count = layer.get_weights()
            if np.allclose(variance, _DEVIATIONS, atol=1e-4):
                layer.set_weights([mean, variance * _DEVIATIONS, count])
                layer.finalize_state()


def unfreeze(backbone: keras.Model, first: str) -> None:
    """Make a backbone trainable from a layer on, its batch normalization never.

    Normalization layers keep their own `trainable = False`: in Keras 3 nothing else keeps their
    statistics from moving once the model around them is trainable.

    Args:
        backbone: changed in place.
        first: `all`, or the name, or its beginning, of the first layer to train; of a preset of
            KerasHub the number of its last blocks to train.

    Raises:
        UserError: no layer's name begins so, or there are no so many blocks.
    """
    if network := hub.find(backbone):
        hub.unfreeze(network, first)
        return
    names = [layer.name for layer in backbone.layers]
    start = next(
        (i for i, name in enumerate(names) if first == "all" or name.startswith(first)), -1
    )
    if start < 0:
        known = [layer.name for layer in backbone.layers if layer.weights]
        raise UserError(
            f"finetune.unfreeze = {first!r} names no layer; allowed: all, or the beginning of a "
            f"layer's name, for instance {', '.join(known[:: -(-len(known) // 8)])}"
        )
    backbone.trainable = True
    for index, layer in enumerate(backbone.layers):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = index >= start and not is_norm
