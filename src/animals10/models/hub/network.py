"""Building a preset's network as a backbone of images, and choosing what of it trains."""

import re
from pathlib import Path

import keras
from keras import layers

from animals10.errors import UserError, quiet_import
from animals10.models.hub import description
from animals10.models.hub.description import FAMILIES, Description
from animals10.models.hub.origin import CONFIG, CONVERTER, WEIGHTS

# How KerasHub's convolutional networks name the layers of a block.
_BLOCK = re.compile(r"stack\d+_block\d+|block\d+[a-z]+")


def load(folder: Path, image_size: int) -> keras.Model:
    """Build a preset's backbone with its weights.

    Args:
        folder: of a preset's files.
        image_size: side of the input in pixels.

    Returns:
        As `build`.

    Raises:
        UserError: a file is not what it should be.
    """
    preset = description.read(folder / CONFIG, folder / CONVERTER)
    network = _construct(preset, image_size)
    try:
        network.load_weights(folder / WEIGHTS)
    except Exception as error:  # an HDF5 file fails in many ways
        raise UserError(
            f"{folder / WEIGHTS} cannot be loaded into {preset.name}: "
            f"{' '.join(str(error).split())[:200]}; give a whole preset"
        ) from None
    return _attach(network, preset, image_size)


def build(preset: Description, image_size: int) -> keras.Model:
    """Build a preset's backbone with random weights.

    Args:
        preset: as `description.read` returns it.
        image_size: side of the input in pixels.

    Returns:
        A model named `backbone`: RGB 0..255 of shape (n, image_size, image_size, 3) to float32
        features of shape (n, channels): the class token's of a transformer, the average of a
        convolutional network's maps.

    Raises:
        UserError: KerasHub refuses the preset's values.
    """
    return _attach(_construct(preset, image_size), preset, image_size)


def _construct(preset: Description, image_size: int) -> keras.Model:
    with quiet_import():
        from keras_hub import models

    shape = {FAMILIES[preset.name].size_key: (image_size, image_size, 3)}
    try:
        return getattr(models, preset.name)(**preset.values | shape, dtype="float32")
    except Exception as error:  # whatever a constructor makes of wrong values
        raise UserError(
            f"KerasHub cannot build the preset of backbone.name, a {preset.name}: "
            f"{' '.join(str(error).split())[:200]}; give a preset as KerasHub saves it"
        ) from None


def _attach(network: keras.Model, preset: Description, image_size: int) -> keras.Model:
    """Put scaling before a network, and pooling after it."""
    image = keras.Input((image_size, image_size, 3), name="image")
    scaled = layers.Rescaling(preset.scale, preset.offset, name="rescaling")(image)
    # DINO's have an input with a name, each another.
    (name,) = network.input if isinstance(network.input, dict) else (None,)
    outputs = network({name: scaled} if name else scaled)
    is_tokens = len(outputs.shape) == 3
    features = outputs[:, 0] if is_tokens else layers.GlobalAveragePooling2D()(outputs)
    return keras.Model(image, features, name="backbone")


def find(backbone: keras.Model) -> keras.Model | None:
    """Return KerasHub's network in a backbone; None where there is none."""
    return next((layer for layer in backbone.layers if type(layer).__name__ in FAMILIES), None)


def unfreeze(network: keras.Model, count: str) -> None:
    """Make the last blocks trainable, its batch normalization never.

    A transformer's embedding of patches and positions stays as it was trained: KerasHub does not
    save all changes of DINOv2's positions (0.29), and to fix the former makes training stable
    (Chen et al., An Empirical Study of Training Self-Supervised Vision Transformers, ICCV 2021).

    Args:
        network: as `find` returns it; changed in place.
        count: number of blocks, or `all`.

    Raises:
        UserError: there are no so many blocks.
    """
    network.trainable = True
    parts, starts = _parts(network)
    if not starts:
        raise UserError("the preset of backbone.name has no blocks; give another")
    if count != "all" and int(count) > len(starts):
        raise UserError(
            f"finetune.unfreeze = {count!r} is not allowed: the backbone has {len(starts)} blocks; "
            f"give 1 to {len(starts)}, or all"
        )
    first = starts[0 if count == "all" else -int(count)]
    for index, layer in enumerate(parts):
        layer.trainable = index >= first
    # Private: Keras has no other way to the layers within layers. A test counts what trains.
    for layer in network._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def _parts(network: keras.Model) -> tuple[list[keras.Layer], list[int]]:
    """Return a network's layers in order, an encoder's in its place, and where blocks start."""
    parts: list[keras.Layer] = []
    starts: dict[str, int] = {}
    for layer in network.layers:
        if inner := _encoder_layers(layer):
            starts |= {block.name: len(parts) + index for index, block in enumerate(inner)}
            parts += inner
        else:
            if match := _BLOCK.match(layer.name):
                starts.setdefault(match[0], len(parts))
            parts.append(layer)
    return parts, list(starts.values())


def _encoder_layers(layer: keras.Layer) -> list[keras.Layer]:
    # DINO's encoders, and ViT's.
    blocks = getattr(layer, "layers", None) or getattr(layer, "encoder_layers", [])
    return blocks if type(layer).__name__.endswith("Encoder") else []
