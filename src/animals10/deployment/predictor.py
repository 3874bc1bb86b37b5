"""An exported model, run by ONNX Runtime alone: no TensorFlow, no Keras."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from PIL import Image

from animals10.deployment import cores
from animals10.errors import UserError
from animals10.images.decoding import decode
from animals10.monitoring.reference import Reference

BATCH = 16  # images at once: with more, activations no longer fit into the caches
INPUT, OUTPUTS = "image", ("probabilities", "unfamiliarity", "projection")


class Outputs(NamedTuple):
    """What a model gives for n images.

    `probabilities` is float32 of shape (n, classes), calibrated; `unfamiliarity` is float32 of
    shape (n,), 0 or more: the higher, the less the image is like the training photos; `projection`
    is float32 of shape (n, k): the features along k axes, at most 16.
    """

    probabilities: np.ndarray
    unfamiliarity: np.ndarray
    projection: np.ndarray


def open_session(model: Path | bytes) -> onnxruntime.InferenceSession:
    """Open an ONNX model.

    Args:
        model: a file, or what is in one.

    Raises:
        Exception: ONNX Runtime's, of several kinds; the model is damaged or none.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores.count()
    # Threads that wait busily slow each other down where other work runs as well.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors
    content = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(
    session: onnxruntime.InferenceSession,
    images: Any,
    outputs: tuple[str, ...] = OUTPUTS,
    rows: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Run a model on images, some at a time.

    Args:
        session: of a model with one input.
        images: uint8 of shape (n, size, size, 3), in an array or like one, at least one.
        outputs: names of the model's.
        rows: of the images; None for all.

    Returns:
        An array for each output, with a row per image.
    """
    rows = np.arange(len(images)) if rows is None else rows
    parts = [
        session.run(list(outputs), {INPUT: images[rows[start : start + BATCH]]})
        for start in range(0, len(rows), BATCH)
    ]
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def resized(picture: np.ndarray, size: int) -> np.ndarray:
    """Resize an image in memory as `decode` resizes that of a file.

    Args:
        picture: uint8 sRGB of shape (h, w, 3).
        size: side of the result in pixels.

    Returns:
        uint8 of shape (size, size, 3).
    """
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    return decode(content.getvalue(), size)


class Predictor:
    """A model that the stage `export` wrote.

    Args:
        path: a file `.onnx`.

    Attributes:
        path: of the file.
        classes: names in the order of the probabilities.
        size: side of the images in pixels.
        threshold: the probability from which a prediction is accepted.
        unfamiliarity_threshold: the unfamiliarity up to which one is.
        reference: what the model predicted for validation photos.
        metadata: all that the file says of itself, as text.

    Raises:
        UserError: it is no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._session = open_session(path)
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
            self.classes: list[str] = json.loads(self.metadata["classes"])
            self.size = int(self.metadata["image_size"])
            self.threshold = float(self.metadata["threshold"])
            self.unfamiliarity_threshold = float(self.metadata["unfamiliarity_threshold"])
            self.reference = Reference.from_json(self.metadata["reference"])
        except Exception as error:  # ONNX Runtime has many kinds
            why = " ".join(str(error).split())[:100]
            raise UserError(
                f"{path} is no model that the stage `export` wrote ({why}); `dvc repro` writes them"
            ) from None

    def identity(self) -> dict[str, str]:
        """Return name and sha256 of the file, by which logs and servers say which model it is."""
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"name": self.metadata["name"], "sha256": digest}

    def predict(self, images: np.ndarray) -> Outputs:
        """Predict once for each image.

        Args:
            images: uint8 RGB of shape (n, size, size, 3), at least one, as `decode` gives them.
        """
        return Outputs(*run(self._session, images))

    def describe(self, file: str, outputs: Outputs, row: int, top: int) -> dict[str, Any]:
        """Return a prediction as `predict --json` prints it.

        Args:
            file: the photo's name.
            outputs: of `predict`.
            row: of the photo in these.
            top: how many classes to name.

        Returns:
            file; class and probability; top, pairs of these, the most probable first; and unsure,
            whether the prediction is not accepted or the photo is unlike the training photos.
        """
        values = outputs.probabilities[row]
        order = np.argsort(-values, kind="stable")[:top]
        ranked = [[self.classes[index], round(float(values[index]), 6)] for index in order]
        unfamiliar = outputs.unfamiliarity[row] > self.unfamiliarity_threshold
        return {
            "file": file,
            "class": ranked[0][0],
            "probability": ranked[0][1],
            "top": ranked,
            "unsure": bool(values.max() < self.threshold or unfamiliar),
        }
