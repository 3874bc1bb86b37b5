"""Drawn images and a model's outputs for them, by which others check theirs."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

import animals10_sample
from animals10 import files
from animals10.deployment.predictor import Predictor
from animals10.images.decoding import decode


def write(model: Path) -> None:
    """Write <name>.reference.npz beside <name>.onnx: ten images and the model's outputs.

    The images are drawn, never a user's: who has the model may not have the photos.

    Args:
        model: as the stage `export` writes it.
    """
    predictor = Predictor(model)
    drawn = [_draw(name, predictor.size) for name in animals10_sample.CLASSES]
    outputs = predictor.predict(np.stack(drawn))
    arrays = {"image": np.stack(drawn), **outputs._asdict()}
    files.write_arrays(model.with_suffix(".reference.npz"), **arrays)


def _draw(name: str, size: int) -> np.ndarray:
    picture = Image.fromarray(animals10_sample.draw(name, np.random.default_rng(0)))
    content = io.BytesIO()
    picture.save(content, "PNG")
    return decode(content.getvalue(), size)
