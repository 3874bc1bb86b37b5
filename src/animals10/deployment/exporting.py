"""The export of a model: converted, calibrated, checked against Keras, and written."""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx

from animals10 import files
from animals10.deployment import graph, litert, quantization, reference
from animals10.deployment.candidate import Candidate
from animals10.deployment.predictor import open_session, run
from animals10.errors import UserError
from animals10.evaluation import calibration, familiarity, metrics, predictions
from animals10.monitoring.projection import principal_axes
from animals10.parameters import Export
from animals10.training.batches import Examples

TOLERANCE = 1e-4  # of a probability
MODELS = Path("models")
_FITTED = 4000  # training photos that decide what is usual; more change little
_DECODING = (
    "upright by EXIF, sRGB, white behind transparent parts, the first frame; resized to a square "
    "without regard to proportions, bilinear, antialiased; RGB, 0..255"
)


def describe(
    name: str, splits: dict[str, Examples], classes: list[str], identity: dict[str, str]
) -> dict[str, str]:
    """Return what an exported file says of itself, as text.

    Neither time nor commit are there, so that the same model is the same bytes.

    Args:
        name: cnn, frozen or finetuned.
        splits: images and labels of train, validation and test.
        classes: names in the order of the labels.
        identity: digests of code, data, parameters and weights.
    """
    content = (MODELS / f"{name}.keras").read_bytes()
    return identity | {
        "classes": json.dumps(classes, ensure_ascii=False),
        "decoding": _DECODING,
        "image_size": str(splits["test"].inputs.shape[1]),
        "model": hashlib.sha256(content).hexdigest(),
        "name": name,
    }


def export(
    name: str, splits: dict[str, Examples], about: dict[str, str], settings: Export
) -> dict[str, Any]:
    """Write models/<name>.onnx and .reference.npz and, if wanted, models/litert/<name>.tflite.

    Args:
        name: cnn, frozen or finetuned.
        splits: images and labels of train, validation and test.
        about: as `describe` returns it.
        settings: when a prediction is unsure, and which further models there shall be.

    Returns:
        Figures for metrics/export.json.

    Raises:
        UserError: the exported model does not predict what Keras does.
    """
    before = predictions.read_probabilities(files.STAGES / "evaluate", name)
    temperature = calibration.temperature(before["validation"], splits["validation"].labels)
    model = keras.saving.load_model(MODELS / f"{name}.keras", safe_mode=True)
    base, path = graph.convert(model), MODELS / f"{name}.onnx"
    features, classes = _features(base, splits["train"])
    known, axes = familiarity.fit(features, classes), principal_axes(features)
    finish = partial(graph.finish, temperature=temperature, familiarity=known, axes=axes)
    candidate = Candidate.of(finish(base), splits, settings)
    expected, labels = calibration.calibrated(before["test"], temperature), splits["test"].labels
    require_same(path, expected, candidate.test.probabilities)
    about = about | {"temperature": repr(temperature)}
    candidate.write(path, about)
    reference.write(path)
    if settings.litert:
        _write_litert(name, model, temperature, splits["test"].inputs, expected)
    return {
        "temperature": temperature,
        "ece_before": metrics.calibration_error(before["test"], labels),
        "ece_after": metrics.calibration_error(candidate.test.probabilities, labels),
        **candidate.figures(labels),
        **(_quantize(base, finish, candidate, splits, about, settings) if settings.int8 else {}),
    }


def _write_litert(
    name: str, model: keras.Model, temperature: float, images: Any, expected: np.ndarray
) -> None:
    path = MODELS / "litert" / f"{name}.tflite"
    litert.write(model, temperature, path)
    require_same(path, expected, litert.predict(path, images))


def _quantize(
    base: onnx.ModelProto,
    finish: Callable[[onnx.ModelProto], onnx.ModelProto],
    original: Candidate,
    splits: dict[str, Examples],
    about: dict[str, str],
    settings: Export,
) -> dict[str, Any]:
    """Write the best model of integers, if it is good enough; return accuracies on validation."""
    rows = _spaced(len(splits["train"].labels), quantization.SHOWN)
    found = {
        kind: Candidate.of(finish(model), splits, settings)
        for kind, model in quantization.quantized(base, splits["train"].inputs, rows)
    }
    labels = splits["validation"].labels
    accuracies = {kind: candidate.accuracy(labels) for kind, candidate in found.items()}
    best = max(accuracies, key=accuracies.__getitem__)
    accepted = original.accuracy(labels) - accuracies[best] <= quantization.LARGEST_LOSS
    if accepted:
        path = MODELS / "int8" / f"{about['name']}.onnx"
        found[best].write(path, about | {"quantization": best})
    more = {"float32": original.accuracy(labels), "accepted": best if accepted else None}
    return {"int8": accuracies | more}


def _features(base: onnx.ModelProto, train: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Return features of training photos, and their labels."""
    rows = _spaced(len(train.labels), _FITTED)
    session = open_session(graph.to_bytes(base, {}))
    (features,) = run(session, train.inputs, graph.BASE[1:], rows)
    return features, train.labels[rows]


def _spaced(count: int, most: int) -> np.ndarray:
    """Return at most so many rows of `count`, evenly spaced, and so of all large classes."""
    return np.arange(0, count, -(-count // most))


def require_same(path: Path, expected: np.ndarray, found: np.ndarray) -> None:
    """Compare an exported model's probabilities on test with those of Keras.

    Where Keras has two classes within the tolerance of each other, either may be first.

    Args:
        path: of the exported model.
        expected: Keras's probabilities after the same temperature, shape (n, classes).
        found: those of the exported model.

    Raises:
        UserError: a probability differs by more than 1e-4, or another class is first.
    """
    difference = float(np.abs(expected - found).max())
    short = expected.max(axis=1) - expected[np.arange(len(expected)), found.argmax(axis=1)]
    if difference > TOLERANCE or short.max() > TOLERANCE:
        raise UserError(
            f"{path} would not predict what models/{path.stem}.keras does: on test, "
            f"probabilities differ by up to {difference:.2g}, and {TOLERANCE:g} is allowed; other "
            f"classes are first for {int((short > TOLERANCE).sum())} photos. A layer is converted "
            "wrongly: take another backbone, and report this"
        )
