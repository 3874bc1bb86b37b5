"""A model's twin for training: the same variables and results, in fewer passes over memory.

Between its convolutions a network on the CPU waits for memory. Keras spells batch normalization
and swish out as element-wise operations, each of which reads and writes whole activations; here
they are part of a convolution, or one operation.
"""

import os
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal

import keras
from keras import layers, ops

from animals10.depthwise import depthwise_conv
from animals10.errors import UserError


def set_precision(precision: Literal["float32", "bfloat16"]) -> None:
    """Choose how this process multiplies matrices and convolves; variables stay float32.

    Args:
        precision: bfloat16 has the range of float32 and 8 bits of its fraction; it is faster only
            where the CPU multiplies it (AVX-512 BF16, AMX).

    Raises:
        UserError: bfloat16 on another backend.
    """
    if precision == "float32":
        return
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"train_cnn.precision = bfloat16 needs TensorFlow; KERAS_BACKEND is "
            f"{keras.backend.backend()}: give float32"
        )
    import tensorflow as tf

    # Not Keras's mixed_bfloat16: it is a property of layers, and would stay in the saved model.
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})


def leave_undivided() -> None:
    """Have TensorFlow compute each operation on one core; to be called before its first one.

    To divide operations as small as those of a head takes longer than to do them. On 2 cores a step
    of 32 features took 0.41 instead of 0.59 ms with 128 hidden units, as long with 512, and 2.7
    instead of 2.4 ms with 1,024; `TF_NUM_INTRAOP_THREADS` in the environment says otherwise.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def accelerate(model: keras.Model, learns: bool = True) -> keras.Model:
    """Build a model that computes and learns what another does, faster.

    Args:
        model: functional or sequential, not compiled, and as trainable as it will be trained; left
            as it is.
        learns: False for answers alone, when all normalization is fixed.

    Returns:
        A model of the same inputs and outputs on the very same variables: to train it is to train
        `model`. Results differ by rounding.
    """
    if isinstance(model, keras.Sequential):  # of which Keras replaces no calls
        model = keras.Model(model.inputs, model.outputs)
    folded = _foldable(model, learns)
    norms = set(folded.values())

    def twin(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.Model) and not isinstance(layer, keras.Sequential):
            return accelerate(layer, learns)
        if layer in folded:
            return FoldedConvolution(layer, folded[layer])
        if layer in norms:
            return layers.Identity()
        if keras.backend.backend() == "tensorflow" and _is_fusible(layer):
            return FusedNormalization(layer)
        if keras.backend.backend() == "tensorflow" and _is_swish(layer):
            return FusedSwish()
        return layer

    def call(layer: keras.Layer, *inputs: Any, **settings: Any) -> Any:
        # The settings are the replaced layer's.
        replaces = isinstance(
            layer, FoldedConvolution | FusedNormalization | FusedSwish | layers.Identity
        )
        return layer(*inputs) if replaces else layer(*inputs, **settings)

    return keras.models.clone_model(model, clone_function=twin, call_function=call)


def _foldable(model: keras.Model, learns: bool) -> dict[keras.Layer, layers.BatchNormalization]:
    """Return the convolutions whose output is read by a fixed normalization alone, with it.

    Each is called once: of layers that share their variables, each call has its own neighbours.
    """
    readers: dict[int, list[Any]] = {id(tensor): [model] for tensor in model.outputs}
    for layer in model.layers:
        # Not its `input`, which of a nested model is that model's own.
        for tensor in [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]:  # noqa: SLF001
            readers.setdefault(id(tensor), []).append(layer)
    calls = Counter(node.operation for nodes in model._nodes_by_depth.values() for node in nodes)  # noqa: SLF001
    folded = {}
    for layer in model.layers:
        if _is_linear_convolution(layer) and calls[layer] == 1:
            following = readers.get(id(layer.output), [])
            alone = len(following) == 1 and _is_of_channels(following[0])
            if alone and calls[following[0]] == 1 and not (learns and following[0].trainable):
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
        convolve = partial(depthwise_conv, learns=training) if depthwise else ops.conv
        kernel = convolution.kernel
        outputs = convolve(
            inputs,
            kernel * ops.reshape(scale, kernel.shape[2:] if depthwise else (-1,)),
            strides=convolution.strides,
            padding=convolution.padding,
            data_format=convolution.data_format,
            dilation_rate=convolution.dilation_rate,
        )
        return _add_bias(outputs, shift)


def _add_bias(outputs: Any, bias: Any) -> Any:
    if keras.backend.backend() != "tensorflow":
        return outputs + bias
    import tensorflow as tf

    # By its own operation, which becomes part of the convolution together with swish.
    return tf.nn.bias_add(outputs, bias)


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
        # Spelled out, which TensorFlow makes part of the convolution before it.
        return _swish()(inputs) if training else inputs * ops.sigmoid(inputs)


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
