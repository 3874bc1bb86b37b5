"""Models for phones and small computers, run by LiteRT, once TensorFlow Lite."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from animals10 import files
from animals10.deployment import cores
from animals10.deployment.graph import from_bytes
from animals10.deployment.predictor import BATCH, INPUT, OUTPUTS
from animals10.evaluation.calibration import TINY


def write(model: keras.Model, temperature: float, path: Path) -> None:
    """Write a model as `.tflite`, by Keras's own exporter.

    Args:
        model: the scratch CNN, or a head on a backbone.
        temperature: as `calibration.temperature` returns it.
        path: of the file: `image`, uint8 of shape (n, size, size, 3), to `probabilities`, float32
            of shape (n, classes), calibrated. It holds nothing else; the ONNX model has the names.
    """
    both = from_bytes(model)
    uncalibrated = ops.maximum(both.output["uncalibrated"], TINY)
    calibrated = ops.softmax(ops.log(uncalibrated) / temperature)
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "model.tflite"
        keras.Model(both.input, {OUTPUTS[0]: calibrated}).export(
            exported, format="litert", verbose=False
        )
        files.write_bytes(path, exported.read_bytes())


def predict(path: Path, images: Any) -> np.ndarray:
    """Return the probabilities of uint8 images, float32 of shape (n, classes), some at a time."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path), num_threads=cores.count()).get_signature_runner()
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    return np.concatenate([run(**{INPUT: batch})[OUTPUTS[0]].copy() for batch in batches])
