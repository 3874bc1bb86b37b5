"""Depthwise convolutions by the operations that are fast: TensorFlow's own are not always."""

from functools import cache, partial
from typing import Any

import keras
from keras import ops

_COLUMNS = 3  # of a kernel, for whose gradient oneDNN has a fast operation


def depthwise_conv(inputs: Any, kernel: Any, learns: bool, **settings: Any) -> Any:
    """Convolve each channel on its own, as `keras.ops.depthwise_conv` does.

    Args:
        inputs: float32 of shape (n, height, width, channels).
        kernel: float32 of shape (rows, columns, channels, multiplier).
        learns: whether a gradient is wanted.
        settings: strides, padding, data_format and dilation_rate, as Keras takes them.

    Returns:
        What Keras returns, but for rounding.
    """
    usual = settings["data_format"] == "channels_last" and settings["dilation_rate"] in (1, (1, 1))
    if keras.backend.backend() != "tensorflow" or not usual:
        return ops.depthwise_conv(inputs, kernel, **settings)
    strides, padding = settings["strides"], settings["padding"].upper()
    if learns and kernel.shape[1] > _COLUMNS:
        return _learning(inputs, kernel, strides, padding)
    if not learns and _has_groups():
        return _grouped(inputs, kernel, strides, padding)
    return ops.depthwise_conv(inputs, kernel, **settings)


def _grouped(inputs: Any, kernel: Any, strides: Any, padding: str) -> Any:
    """Convolve with a group for each channel, of which swish can become a part."""
    import tensorflow as tf

    groups = tf.reshape(kernel, (*kernel.shape[:2], 1, -1))
    return tf.nn.conv2d(inputs, groups, strides, padding)


@cache
def _has_groups() -> bool:
    """Tell whether TensorFlow has convolutions of groups with a bias: it takes them from oneDNN."""
    import tensorflow as tf

    def convolve(inputs: Any, kernel: Any, bias: Any) -> Any:
        return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(inputs, kernel, 1, "SAME"), bias))

    try:
        with tf.init_scope():
            fused = tf.function(convolve, autograph=False)
            fused(tf.zeros((1, 2, 2, 2)), tf.zeros((1, 1, 1, 2)), tf.zeros(2))
    except tf.errors.UnimplementedError:
        return False
    return True


def _learning(inputs: Any, kernel: Any, strides: Any, padding: str) -> Any:
    """Convolve, with another gradient of the kernel than TensorFlow's."""
    import tensorflow as tf

    steps = [1, *strides, 1]

    def gradients(inputs: Any, kernel: Any, slope: Any) -> tuple[Any, Any]:
        to_inputs = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
            input_sizes=tf.shape(inputs),
            filter=kernel,
            out_backprop=slope,
            strides=steps,
            padding=padding,
        )
        return to_inputs, _kernel_gradient(inputs, kernel.shape, slope, strides)

    convolve = tf.custom_gradient(
        lambda inputs, kernel: (
            tf.nn.depthwise_conv2d(inputs, kernel, steps, padding),
            partial(gradients, inputs, kernel),
        )
    )
    return convolve(inputs, kernel)


def _kernel_gradient(inputs: Any, shape: Any, slope: Any, strides: tuple[int, int]) -> Any:
    """Return a depthwise kernel's gradient, computed for 3 of its columns at a time.

    For up to 3, oneDNN has a depthwise operation; for more it takes one for all convolutions, six
    times as slow (3.7, jit_uni_dw_convolution).
    """
    import tensorflow as tf

    starts, spans = [], []
    for size, out, kernel, stride in zip(
        inputs.shape[1:3], slope.shape[1:3], shape[:2], strides, strict=True
    ):
        span = stride * (out - 1) + kernel
        starts.append(-(max(span - size, 0) // 2))  # what `same` pads before
        spans.append(span)
    parts = []
    for first in range(0, shape[1], _COLUMNS):
        column = min(first, shape[1] - _COLUMNS)
        part = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=_window(
                inputs,
                (starts[0], starts[1] + column),
                (spans[0], spans[1] - shape[1] + _COLUMNS),
            ),
            filter_sizes=[shape[0], _COLUMNS, *shape[2:]],
            out_backprop=slope,
            strides=[1, *strides, 1],
            padding="VALID",
        )
        parts.append(part[:, first - column :])
    return tf.concat(parts, axis=1)


def _window(images: Any, starts: tuple[int, int], spans: tuple[int, int]) -> Any:
    """Cut a window of images; beyond them are zeros."""
    import tensorflow as tf

    pads, cuts = [], []
    for start, span, size in zip(starts, spans, images.shape[1:3], strict=True):
        first, last = (min(max(end, 0), size) for end in (start, start + span))
        before = min(max(-start, 0), span)
        pads.append([before, span - before - (last - first)])
        cuts.append(slice(first, last))
    return tf.pad(images[:, cuts[0], cuts[1]], [[0, 0], *pads, [0, 0]])
