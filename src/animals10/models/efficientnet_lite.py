"""EfficientNet-Lite, which keras.applications lacks: Google's networks, Google's ImageNet weights.

EfficientNet without squeeze-and-excitation and with ReLU6, whose stem, head, first and last stage
have the same width and depth at every scale. See
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite, and Tan and Le,
EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019.
"""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

_NORM = {"momentum": 0.99, "epsilon": 0.001}
_MEAN, _DEVIATION = 0.498, 0.502  # of pixels divided by 255
_DROP = 0.2  # fraction of residual branches dropped in training, in the last block


class _Scale(NamedTuple):
    width: float
    depth: float


class _Stage(NamedTuple):
    kernel: int
    repeats: int
    filters: int
    expansion: int
    stride: int


SCALES = {
    "EfficientNetLite0": _Scale(1.0, 1.0),
    "EfficientNetLite1": _Scale(1.0, 1.1),
    "EfficientNetLite2": _Scale(1.1, 1.2),
}
_STAGES = (
    _Stage(3, 1, 16, 1, 1),
    _Stage(3, 2, 24, 6, 2),
    _Stage(5, 2, 40, 6, 2),
    _Stage(3, 3, 80, 6, 2),
    _Stage(5, 3, 112, 6, 1),
    _Stage(5, 4, 192, 6, 2),
    _Stage(3, 1, 320, 6, 1),
)
_STEM, _HEAD = 32, 1280  # filters


def build(name: str, image: Any, classes: int | None = None) -> keras.Model:
    """Build a network with random weights.

    Args:
        name: a key of `SCALES`.
        image: Keras tensor of RGB, 0..255, of shape (n, size, size, 3).
        classes: of a classifier on top, whose outputs are logits; None: average-pooled features.

    Returns:
        A functional model, its layers named like those of keras.applications.EfficientNetB0.
    """
    scale = SCALES[name]
    x = layers.Rescaling(1 / 255 / _DEVIATION, -_MEAN / _DEVIATION, name="rescaling")(image)
    x = _convolve(x, "stem", _STEM, kernel=3, strides=2)
    blocks = list(_blocks(scale))
    for number, (block, filters, stage, strides) in enumerate(blocks):
        x = _block(x, block, filters, stage, strides, _DROP * number / len(blocks))
    x = _convolve(x, "top", _HEAD)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if classes:
        x = layers.Dense(classes, name="predictions")(x)
    return keras.Model(image, x, name=name.lower())


def _blocks(scale: _Scale) -> list[tuple[str, int, _Stage, int]]:
    """List name, filters, stage and strides of each block."""
    listed = []
    for number, stage in enumerate(_STAGES, 1):
        fixed = number in (1, len(_STAGES))
        repeats = stage.repeats if fixed else math.ceil(stage.repeats * scale.depth)
        for repeat in range(repeats):
            name = f"block{number}{chr(ord('a') + repeat)}"
            strides = stage.stride if repeat == 0 else 1
            listed.append((name, _scaled(stage.filters, scale.width), stage, strides))
    return listed


def _scaled(filters: int, width: float) -> int:
    """Return a multiple of 8 that is at least 0.9 of the scaled width, as the authors do."""
    scaled = filters * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def _block(x: Any, name: str, filters: int, stage: _Stage, strides: int, drop: float) -> Any:
    inputs = x
    if stage.expansion > 1:
        expanded = inputs.shape[-1] * stage.expansion
        x = _convolve(x, f"{name}_expand", expanded)
    x = layers.DepthwiseConv2D(
        stage.kernel, strides, "same", use_bias=False, name=f"{name}_dwconv"
    )(x)
    x = layers.BatchNormalization(name=f"{name}_bn", **_NORM)(x)
    x = layers.Activation("relu6", name=f"{name}_activation")(x)
    x = _convolve(x, f"{name}_project", filters, activated=False)
    if strides == 1 and inputs.shape[-1] == filters:
        if drop:
            x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
        x = layers.Add(name=f"{name}_add")([x, inputs])
    return x


def _convolve(
    x: Any, name: str, filters: int, kernel: int = 1, strides: int = 1, activated: bool = True
) -> Any:
    x = layers.Conv2D(filters, kernel, strides, "same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(name=f"{name}_bn", **_NORM)(x)
    return layers.Activation("relu6", name=f"{name}_activation")(x) if activated else x


def assign(model: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Give a network the weights of PyTorch's, layer by layer.

    Args:
        model: as `build` returns it.
        tensors: as `torch_file.read` returns them; those of the classifier may be left over.

    Raises:
        KeyError: a tensor is missing.
        ValueError: one has another shape.
    """
    blocks = dict.fromkeys(layer.name.split("_")[0] for layer in model.layers if _in_block(layer))
    numbers = {name: number for number, name in enumerate(blocks)}
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(_weights(layer, numbers, tensors))


def _in_block(layer: keras.Layer) -> bool:
    return layer.name.startswith("block")


def _weights(
    layer: keras.Layer, numbers: dict[str, int], tensors: dict[str, np.ndarray]
) -> list[np.ndarray]:
    name = _torch_name(layer.name, numbers)
    if isinstance(layer, layers.BatchNormalization):
        parts = ("weight", "bias", "running_mean", "running_var")
        return [tensors[f"{name}.{part}"] for part in parts]
    if isinstance(layer, layers.Dense):
        return [tensors[f"{name}.weight"].T, tensors[f"{name}.bias"]]
    # (outputs, inputs, height, width), where inputs of a depthwise kernel are its multiplier.
    depthwise = isinstance(layer, layers.DepthwiseConv2D)
    return [tensors[f"{name}.weight"].transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))]


_TORCH_NAMES = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "top_conv": "_conv_head",
    "top_bn": "_bn1",
    "predictions": "_fc",
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}


def _torch_name(name: str, numbers: dict[str, int]) -> str:
    block, _, part = name.partition("_")
    if block in numbers:
        return f"_blocks.{numbers[block]}.{_TORCH_NAMES[part]}"
    return _TORCH_NAMES[name]
