"""From a Keras model to one ONNX graph: images in; probabilities and more out."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from animals10.deployment.predictor import INPUT, OUTPUTS
from animals10.evaluation.calibration import TINY
from animals10.evaluation.familiarity import Familiarity

OPSET = 17
BASE = ("uncalibrated", "features")  # what `convert` names its outputs
# What `finish` appends: operation, inputs, output, settings.
_END: list[tuple[str, str, str, dict[str, Any]]] = [
    ("Max", "uncalibrated tiny", "positive", {}),
    ("Log", "positive", "logarithm", {}),
    ("Div", "logarithm temperature", "scaled", {}),
    ("Softmax", "scaled", OUTPUTS[0], {"axis": 1}),
    ("ReduceL2", "features", "length", {"axes": [1]}),
    ("Max", "length shortest", "nonzero", {}),
    ("Div", "features nonzero", "unit", {}),
    ("MatMul", "unit whitening", "mapped", {}),
    ("ReduceSumSquare", "mapped", "square", {"axes": [1]}),
    ("MatMul", "mapped directions", "products", {}),
    ("Add", "products lengths", "partial", {}),
    ("Add", "partial square", "distances", {}),
    ("ReduceMin", "distances", OUTPUTS[1], {"axes": [1], "keepdims": 0}),
    ("MatMul", "unit axes", OUTPUTS[2], {}),
]


def convert(model: keras.Model) -> onnx.ModelProto:
    """Convert a model, where Keras runs on TensorFlow.

    Not by Keras's own export to ONNX, which fails on layers that hold constants, such as
    normalization (Keras 3.15).

    Args:
        model: the scratch CNN, or a head on a backbone.

    Returns:
        A graph of `image`, uint8 of shape (n, size, size, 3), to `uncalibrated`, the model's
        probabilities, and `features`, what its classifier reads, of shape (n, channels).
    """
    import tensorflow as tf
    from tf2onnx import convert as tf2onnx

    # So that the trace goes into functions of Keras that XLA compiles, such as grouped
    # convolutions: tf2onnx takes them for unknown operations.
    tf.config.run_functions_eagerly(True)
    try:
        converted, _ = tf2onnx.from_keras(
            from_bytes(model), opset=OPSET, custom_op_handlers={"Erfc": (_as_erf, [])}
        )
    finally:
        tf.config.run_functions_eagerly(False)
    return _tidy(converted)


def _as_erf(graph: Any, node: Any, _: str, __: list[Any]) -> None:
    """Write erfc(x), which Keras's exact GELU becomes and ONNX does not have, as 1 - erf(x)."""
    erf = graph.make_node("Erf", node.input, dtypes=[graph.get_dtype(node.input[0])])
    one = graph.make_const(f"{node.name}_one", np.array(1, np.float32))
    node.type = "Sub"
    graph.replace_inputs(node, [one.output[0], erf.output[0]])


def from_bytes(model: keras.Model) -> keras.Model:
    """Return a model that takes uint8 images, and gives its features as well.

    Args:
        model: the scratch CNN, or a head on a backbone.

    Returns:
        A model of `image` to the outputs that `convert` names.
    """
    if "backbone" in {layer.name for layer in model.layers}:
        backbone, head = model.layers[-2:]
        image = keras.Input(model.input_shape[1:], dtype="uint8", name=INPUT)
        features = backbone(keras.ops.cast(image, "float32"))
        probabilities = head(features)
    else:
        pooling = keras.layers.GlobalAveragePooling2D
        (pooled,) = (layer.output for layer in model.layers if isinstance(layer, pooling))
        both = keras.Model(model.input, [model.output, pooled])
        image = keras.Input(model.input_shape[1:], dtype="uint8", name=INPUT)
        probabilities, features = both(keras.ops.cast(image, "float32"))
    outputs = zip(BASE, (probabilities, features), strict=True)
    # tf2onnx names an output by its layer.
    return keras.Model(image, {name: keras.layers.Identity(name=name)(x) for name, x in outputs})


def _tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Name the free dimension, and give the rest names that the same model always has.

    tf2onnx numbers its tensors in the order of sets, which changes from process to process.
    """
    graph = model.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
        for tensors in (node.input, node.output):
            new = [names.setdefault(name, f"tensor_{len(names)}") for name in tensors]
            tensors[:] = new
    constants = {names[each.name]: each for each in graph.initializer if each.name in names}
    for name, constant in constants.items():
        constant.name = name
    ordered = [constants[name] for name in names.values() if name in constants]
    del graph.value_info[:], graph.initializer[:]
    graph.initializer.extend(ordered)
    graph.doc_string = model.doc_string = ""
    onnx.checker.check_model(model)
    return model


def finish(
    model: onnx.ModelProto, temperature: float, familiarity: Familiarity, axes: np.ndarray
) -> onnx.ModelProto:
    """Calibrate the probabilities of a graph, and turn features into what `Outputs` has.

    Args:
        model: as `convert` returns it.
        temperature: as `calibration.temperature` returns it.
        familiarity: of the training photos.
        axes: of their features, as `principal_axes` returns them.

    Returns:
        A graph of `image` to `probabilities`, of shape (n, classes), `unfamiliarity`, of shape
        (n,), and `projection`, of shape (n, k).
    """
    constants = {
        "tiny": np.float32(TINY),
        "temperature": np.float32(temperature),
        "shortest": np.float32(1e-12),
        "whitening": familiarity.whitening,
        "directions": np.ascontiguousarray(-2 * familiarity.centers.T),
        "lengths": (familiarity.centers**2).sum(axis=1),
        "axes": axes,
    }
    classes, channels = (output.type.tensor_type.shape.dim[1].dim_value for output in _base(model))
    outputs = [("n", classes), ("n",), ("n", axes.shape[1])]
    graph = helper.make_graph(
        [helper.make_node(kind, names.split(), [out], **more) for kind, names, out, more in _END],
        "finish",
        [_value(BASE[0], "n", classes), _value(BASE[1], "n", channels)],
        [_value(name, *shape) for name, shape in zip(OUTPUTS, outputs, strict=True)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    end = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    io_map = [(name, name) for name in BASE]
    merged = onnx.compose.merge_models(model, end, io_map, name="animals10")
    onnx.checker.check_model(merged)
    return merged


def _base(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    outputs = {output.name: output for output in model.graph.output}
    return [outputs[name] for name in BASE]


def _value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def to_bytes(model: onnx.ModelProto, metadata: Mapping[str, str]) -> bytes:
    """Return what a file holds of a model and its metadata: the same bytes for the same content."""
    del model.metadata_props[:]
    helper.set_model_props(model, dict(sorted(metadata.items())))
    return model.SerializeToString(deterministic=True)
