"""Networks pre-trained on other data, as feature extractors of 0..255 RGB images."""

import keras

from animals10.errors import UserError
from animals10.weights import find

BACKBONES = {"EfficientNetB0": keras.applications.EfficientNetB0}


def build(name: str, image_size: int, weights: str) -> keras.Model:
    """Build a backbone without its classifier, with global average pooling.

    Args:
        name: a key of `BACKBONES`.
        image_size: side of the input in pixels.
        weights: `none` (random), `imagenet` (Keras's own, downloaded once by Keras), or the path
            of a file of no-top weights that Keras loads, relative to the user's project.

    Returns:
        A model named `backbone`: float32 RGB 0..255 of shape (n, image_size, image_size, 3) to
        float32 features of shape (n, channels). EfficientNet rescales inside.

    Raises:
        UserError: there are no such weights, or they are not this backbone's.
    """
    path = find(weights)
    try:
        backbone: keras.Model = BACKBONES[name](
            include_top=False,
            weights="imagenet" if weights == "imagenet" else None,
            input_shape=(image_size, image_size, 3),
            pooling="avg",
            name="backbone",
        )
        if path:
            backbone.load_weights(path)
    except Exception as error:  # a download or an HDF5 file fails in many ways
        raise UserError(
            f"backbone.weights = {weights!r} cannot be loaded into {name} without its top: "
            f"{' '.join(str(error).split())[:200]}; give weights of this very backbone"
        ) from None
    return backbone


def unfreeze(backbone: keras.Model, first: str) -> None:
    """Make a backbone trainable from a layer on, its batch normalization never.

    Normalization layers keep their own `trainable = False`: in Keras 3 nothing else keeps their
    statistics from moving once the model around them is trainable.

    Args:
        backbone: changed in place.
        first: `all`, or the name, or its beginning, of the first layer to train.

    Raises:
        UserError: no layer's name begins so.
    """
    names = [layer.name for layer in backbone.layers]
    start = next(
        (i for i, name in enumerate(names) if first == "all" or name.startswith(first)), -1
    )
    if start < 0:
        blocks = sorted({name.split("_")[0] for name in names if name.startswith("block")})
        raise UserError(
            f"finetune.unfreeze = {first!r} names no layer; allowed: all, or the beginning of a "
            f"layer's name, for instance {', '.join(blocks)}"
        )
    backbone.trainable = True
    for index, layer in enumerate(backbone.layers):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = index >= start and not is_norm
