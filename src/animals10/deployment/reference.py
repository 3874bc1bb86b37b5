"""Drawn images and a model's outputs for them, by which others check theirs."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

import animals10_sample
from animals10 import files
from animals10.deployment.predictor import Predictor, resized
from animals10.errors import UserError

# Other processors round otherwise: of a probability, and of an unfamiliarity as a fraction.
_ABSOLUTE, _RELATIVE = 1e-4, 1e-3


def write(model: Path) -> None:
    """Write <name>.reference.npz beside <name>.onnx: ten images and the model's outputs.

    The images are drawn, never a user's: who has the model may not have the photos.

    Args:
        model: as the stage `export` writes it.
    """
    predictor = Predictor(model)
    pictures = [
        animals10_sample.draw(name, np.random.default_rng(0)) for name in animals10_sample.CLASSES
    ]
    drawn = [resized(picture, predictor.size) for picture in pictures]
    outputs = predictor.predict(np.stack(drawn))
    arrays = {"image": np.stack(drawn), **outputs._asdict()}
    files.write_arrays(model.with_suffix(".reference.npz"), **arrays)


def check(predictor: Predictor) -> None:
    """Compare a model's outputs with those that its .reference.npz has.

    Args:
        predictor: of <name>.onnx, beside which is <name>.reference.npz.

    Raises:
        UserError: the outputs differ, or a file is missing or damaged.
    """
    model = predictor.path
    path = model.with_suffix(".reference.npz")
    try:
        with np.load(path, allow_pickle=False) as archive:
            expected = dict(archive)
        found = predictor.predict(expected["image"])._asdict()
        same = all(
            np.allclose(found[key], expected[key], rtol=_RELATIVE, atol=_ABSOLUTE) for key in found
        )
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise UserError(f"{path} is missing or damaged ({error}); `dvc repro` writes it") from None
    if not same:
        raise UserError(f"{model} does not give the outputs that {path} has; `dvc repro` makes it")
