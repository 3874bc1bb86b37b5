"""An export that is made in a moment: a model of mean colours, its card and its reference."""

import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from animals10 import files
from animals10.deployment import graph, reference
from animals10.deployment.predictor import INPUT, OUTPUTS
from animals10.monitoring.observation import NUMBERS, Observations
from animals10.monitoring.reference import Reference

SIZE = 8
CLASSES = ["cat", "dog"]
_NODES = [
    helper.make_node("Cast", [INPUT], ["float"], to=TensorProto.FLOAT),
    helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
    helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
    helper.make_node("Softmax", ["logits"], [OUTPUTS[0]], axis=1),
    helper.make_node("ReduceMax", ["mean"], [OUTPUTS[1]], axes=[1], keepdims=0),
    helper.make_node("Identity", ["mean"], [OUTPUTS[2]]),
]


def write(path: Path, name: str, seed: int = 0) -> None:
    """Write <path>.onnx, .md and .reference.npz of a model whose weights are drawn."""
    weights = np.random.default_rng(seed).normal(0, 0.01, (3, len(CLASSES))).astype("float32")
    image = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", SIZE, SIZE, 3])
    outputs = [
        helper.make_tensor_value_info(OUTPUTS[0], TensorProto.FLOAT, ["n", len(CLASSES)]),
        helper.make_tensor_value_info(OUTPUTS[1], TensorProto.FLOAT, ["n"]),
        helper.make_tensor_value_info(OUTPUTS[2], TensorProto.FLOAT, ["n", 3]),
    ]
    observed = Observations(np.arange(2), np.zeros((2, len(NUMBERS) + 3)))
    constants = [numpy_helper.from_array(weights, "weights")]
    network = helper.make_graph(_NODES, "tiny", [image], outputs, constants)
    model = helper.make_model(network, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    about = {
        **dict.fromkeys(("code", "data", "parameters", "weights"), "0123"),
        "classes": json.dumps(CLASSES),
        "image_size": str(SIZE),
        "name": name,
        "reference": Reference.of(observed, len(CLASSES)).to_json(),
        "threshold": "0.6",
        "unfamiliarity_threshold": "200",
    }
    files.write_bytes(path.with_suffix(".onnx"), graph.to_bytes(model, about))
    files.write_bytes(path.with_suffix(".md"), f"# {name}\n".encode())
    reference.write(path.with_suffix(".onnx"))


@cache
def contents(seed: int, name: str = "cnn") -> dict[str, bytes]:
    """Return what `champion.add` takes of a model, not to be changed."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "model", name, seed)
        made = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    return made | {"validation.csv": b"sha256,label,predicted\n"}
