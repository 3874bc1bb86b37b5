"""Models of 8-bit integers, for whom less than half the size is worth a little accuracy."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from animals10.deployment import graph
from animals10.deployment.predictor import BATCH, INPUT

SHOWN = 256  # training images that decide the scales
KINDS = {"per_tensor": False, "per_channel": True}
LARGEST_LOSS = 0.005  # of accuracy on validation
# The rest stays in floating point: it takes no time, and every rounding costs accuracy.
_OPERATIONS = ["Conv", "Gemm", "MatMul"]


class _Images(CalibrationDataReader):
    """Batches of images, in the form that ONNX Runtime reads."""

    def __init__(self, images: Any, rows: np.ndarray) -> None:
        starts = range(0, len(rows), BATCH)
        self._batches = iter([images[rows[start : start + BATCH]] for start in starts])

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: np.ascontiguousarray(batch)}


def quantized(
    model: onnx.ModelProto, images: Any, rows: np.ndarray
) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Quantize a graph's weights and activations, with fixed scales.

    Args:
        model: as `graph.convert` returns it.
        images: of training, uint8 of shape (n, size, size, 3).
        rows: of those that are shown to the model, which decide the scales.

    Yields:
        "per_tensor" and "per_channel", and the graph with one scale for each weight, or for each
        channel of it.
    """
    for kind, per_channel in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
            source.write_bytes(graph.to_bytes(model, {}))
            quantize_static(
                source,
                target,
                _Images(images, rows),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_OPERATIONS,
                per_channel=per_channel,
                weight_type=QuantType.QInt8,
            )
            yield kind, onnx.load(target)
