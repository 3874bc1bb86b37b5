"""The champion as an MLflow model: photos in, predictions out, by ONNX Runtime alone.

MLflow keeps this file with the model, and runs it to load the model ("models from code").
"""

import base64
import binascii
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from animals10.deployment.predictor import Predictor, resized
from animals10.images.decoding import ImageError, decode


class Champion(PythonModel):
    """An exported model as a pyfunc."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the artifact `model`, an ONNX file."""
        self._predictor = Predictor(Path(context.artifacts["model"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Predict once for each photo.

        Args:
            context: MLflow's.
            model_input: the first column has photos: the bytes of a file, these as base64 text, or
                uint8 RGB arrays of shape (h, w, 3).
            params: `top`, how many classes to name.

        Returns:
            A row per photo, of columns class, probability, top and unsure, as `predict --json` has
            them.

        Raises:
            MlflowException: a photo cannot be used; MLflow's server responds with status 400.
        """
        photos = list(model_input.iloc[:, 0])
        columns = ["class", "probability", "top", "unsure"]
        if not photos:
            return pd.DataFrame(columns=columns)
        images = [self._image(number, photo) for number, photo in enumerate(photos)]
        outputs = self._predictor.predict(np.stack(images))
        top = min(max(1, (params or {}).get("top", 2)), len(self._predictor.classes))
        rows = [self._predictor.describe("", outputs, row, top) for row in range(len(images))]
        return pd.DataFrame(rows)[columns]

    def _image(self, number: int, photo: Any) -> np.ndarray:
        try:
            return _pixels(photo, self._predictor.size)
        except (ImageError, binascii.Error) as error:
            raise mlflow.MlflowException.invalid_parameter_value(
                f"photo {number} cannot be used: {error}"
            ) from None


def _pixels(photo: Any, size: int) -> np.ndarray:
    """Return uint8 RGB of shape (size, size, 3)."""
    if isinstance(photo, str):
        photo = base64.b64decode("".join(photo.split()), validate=True)
    if isinstance(photo, bytes | bytearray | memoryview):
        return decode(bytes(photo), size)
    is_image = isinstance(photo, np.ndarray) and photo.dtype == np.uint8 and photo.size
    if not is_image or photo.shape[2:] != (3,):
        given = f"{getattr(photo, 'dtype', '')}{getattr(photo, 'shape', type(photo).__name__)}"
        raise ImageError(f"it is {given}; give bytes of a file, base64, or an array uint8(h, w, 3)")
    return photo if photo.shape == (size, size, 3) else resized(photo, size)


mlflow.models.set_model(Champion())
