"""A fused copy of a model: the same variables and results, in fewer passes over memory.

Between its convolutions a network on the CPU waits for memory. Keras spells batch normalization
and swish out as element-wise operations, each of which reads and writes whole activations; here
they are part of a convolution, or one operation. TensorFlow only.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import keras
from keras import layers, ops

_COLUMNS = 3  # of a depthwise kernel, for whose gradient oneDNN has a fast operation


def compute_in_bfloat16() -> None:
    """Have this process multiply matrices and convolve in bfloat16; variables stay float32.

    Not by Keras's mixed_bfloat16, a property of layers that would stay in the saved model.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})


def fuse(model: keras.Model, training: bool = True) -> keras.Model:
    """Build a model that computes and trains what another does, faster.

    Args:
        model: functional or sequential, not compiled, as trainable as it will be trained; left as
            it is.
        training: False for predictions alone, when all normalization is fixed.

    Returns:
        A model of the same inputs and outputs on the very same variables: to train it is to train
        `model`. Results differ by rounding.
    """
    if isinstance(model, keras.Sequential):  # whose calls Keras does not replace
        model = keras.Model(model.inputs, model.outputs)
    folded = _foldable(model, training)
    norms = set(folded.values())

    def replacement(layer: keras.Layer) -> keras.Layer:
        if type(layer) is type(model):  # not KerasHub's, which their own classes build
            return fuse(layer, training)
        if layer in folded:
            return FoldedConvolution(layer, folded[layer])
        if layer in norms:
            return layers.Identity()
        if _is_fusible(layer):
            return FusedNormalization(layer)
        return FusedSwish() if _is_swish(layer) else layer

    def call(layer: keras.Layer, *inputs: Any, **settings: Any) -> Any:
        # The settings are the replaced layer's.
        replaces = isinstance(
            layer, FoldedConvolution | FusedNormalization | FusedSwish | layers.Identity
        )
        return layer(*inputs) if replaces else layer(*inputs, **settings)

    return keras.models.clone_model(model, clone_function=replacement, call_function=call)


def _foldable(model: keras.Model, training: bool) -> dict[keras.Layer, layers.BatchNormalization]:
    """Return the convolutions whose output is read by a fixed normalization alone, with it.

    Each is called once: of layers that share their variables, each call has its own neighbours.
    """
    readers: dict[int, list[Any]] = {id(tensor): [model] for tensor in model.outputs}
    for layer in model.layers:
        # Private: Keras has no other way to a layer's calls, and the `input` of a nested model is
        # that model's own. A test counts what is folded.
        for tensor in [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]:
            readers.setdefault(id(tensor), []).append(layer)
    calls = Counter(node.operation for nodes in model._nodes_by_depth.values() for node in nodes)
    folded = {}
    for layer in model.layers:
        if _is_linear_convolution(layer) and calls[layer] == 1:
            following = readers.get(id(layer.output), [])
            alone = len(following) == 1 and _is_of_channels(following[0])
            if alone and calls[following[0]] == 1 and not (training and following[0].trainable):
                folded[layer] = following[0]
    return folded


def _is_linear_convolution(layer: keras.Layer) -> bool:
    return (
        type(layer) in (layers.Conv2D, layers.DepthwiseConv2D)
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
    )


def _is_of_channels(layer: keras.Layer) -> bool:
    """Tell whether a layer is batch normalization of the channels of images, in the last axis."""
    return (
        type(layer) is layers.BatchNormalization
        and not layer.synchronized
        and not layer.renorm
        and len(layer.input.shape) == 4
        and layer.axis in (-1, 3)
    )


def _is_fusible(layer: keras.Layer) -> bool:
    return _is_of_channels(layer) and layer.trainable and layer.scale and layer.center


def _is_swish(layer: keras.Layer) -> bool:
    return isinstance(layer, layers.Activation) and layer.activation is keras.activations.silu


class FoldedConvolution(layers.Layer):
    """A convolution whose kernel and bias take in the fixed normalization after it.

    Args:
        convolution: without activation.
        norm: what follows it.
    """

    def __init__(self, convolution: keras.Layer, norm: layers.BatchNormalization) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = norm
        self.built = True

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> Any:
        """Return the convolution's."""
        return self.convolution.compute_output_shape(shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Convolve with the scaled kernel and add the shift."""
        convolution, norm = self.convolution, self.norm
        scale = ops.rsqrt(norm.moving_variance + norm.epsilon)
        scale = scale * norm.gamma if norm.scale else scale
        shift = (norm.beta if norm.center else 0) - norm.moving_mean * scale
        if convolution.use_bias:
            shift = shift + convolution.bias * scale
        depthwise = isinstance(convolution, layers.DepthwiseConv2D)
        convolve = depthwise_conv if depthwise else ops.conv
        kernel = convolution.kernel
        outputs = convolve(
            inputs,
            kernel * ops.reshape(scale, kernel.shape[2:] if depthwise else (-1,)),
            strides=convolution.strides,
            padding=convolution.padding,
            data_format=convolution.data_format,
            dilation_rate=convolution.dilation_rate,
        )
        import tensorflow as tf

        # By its own operation, which oneDNN makes part of the convolution together with swish.
        return tf.nn.bias_add(outputs, shift)


class FusedNormalization(layers.Layer):
    """Batch normalization by the one operation of TensorFlow that Keras 3 no longer uses.

    Args:
        norm: trainable, of images.
    """

    def __init__(self, norm: layers.BatchNormalization) -> None:
        super().__init__()
        self.norm = norm
        self.built = True

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> Any:
        """Return the same shape."""
        return shape

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Normalize; while training, keep the moving averages as Keras does."""
        norm = self.norm
        if not training:
            return norm(inputs, training=False)
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, norm.gamma.value, norm.beta.value, epsilon=norm.epsilon
        )
        count = ops.cast(ops.size(inputs) // inputs.shape[-1], variance.dtype)
        biased = variance * (count - 1) / count  # TensorFlow's is that of a sample
        for moving, value in ((norm.moving_mean, mean), (norm.moving_variance, biased)):
            moving.assign(moving * norm.momentum + value * (1 - norm.momentum))
        return outputs


class FusedSwish(layers.Layer):
    """Swish, whose gradient TensorFlow computes in seven passes and XLA in one."""

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> Any:
        """Return the same shape."""
        return shape

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return x · sigmoid(x)."""
        return _swish()(inputs) if training else ops.silu(inputs)


@cache
def _swish() -> Callable[[Any], Any]:
    import tensorflow as tf

    def slope(x: Any, gradient: Any) -> Any:
        gate = tf.sigmoid(x)
        return gradient * gate * (1 + x * (1 - gate))

    forward = tf.function(tf.nn.silu, jit_compile=True, autograph=False)
    backward = tf.function(slope, jit_compile=True, autograph=False)
    swish: Callable[[Any], Any] = tf.custom_gradient(
        lambda x: (forward(x), lambda gradient: backward(x, gradient))
    )
    return swish


def depthwise_conv(inputs: Any, kernel: Any, **settings: Any) -> Any:
    """Convolve each channel on its own, as `keras.ops.depthwise_conv` does but for rounding.

    Args:
        inputs: float32 of shape (n, height, width, channels).
        kernel: float32 of shape (rows, columns, channels, multiplier).
        settings: strides, padding, data_format and dilation_rate, as Keras takes them.
    """
    usual = settings["data_format"] == "channels_last" and settings["dilation_rate"] in (1, (1, 1))
    if usual and kernel.shape[1] > _COLUMNS:
        return _with_fast_gradient(inputs, kernel, settings["strides"], settings["padding"].upper())
    return ops.depthwise_conv(inputs, kernel, **settings)


def _with_fast_gradient(inputs: Any, kernel: Any, strides: Any, padding: str) -> Any:
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
