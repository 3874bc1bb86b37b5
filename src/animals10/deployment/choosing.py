"""Which exported model to use."""

import os
from pathlib import Path

from animals10 import files
from animals10.errors import UserError
from animals10.evaluation import tables
from animals10.files import MODELS

CHAMPION = Path("models/champion")
_NAMES = ("champion", *MODELS.values())


def find(wanted: str | None = None) -> tuple[Path, str]:
    """Find a model's file.

    Args:
        wanted: cnn, frozen, finetuned, champion, or a path; None for the champion or, where there
            is none, the model that was best on validation.

    Returns:
        The file, and what the user should know of the choice, or "".

    Raises:
        UserError: there is no such model.
    """
    note = ""
    if wanted is None:
        wanted = "champion"
        if not os.path.lexists(CHAMPION):  # a damaged one has no substitute
            wanted, accuracy = _best_on_validation()
            note = f"there is no champion, so the model best on validation predicts: {wanted}"
            note += f" (accuracy {accuracy:.3f})"
    path = _file(wanted)
    if not path.is_file():
        raise UserError(_missing(wanted, path))
    return path, note


def _file(wanted: str) -> Path:
    if wanted == "champion":
        found = sorted(CHAMPION.glob("*.onnx"))
        return found[0] if found else CHAMPION / "champion.onnx"
    return Path(f"models/{wanted}.onnx") if wanted in _NAMES else Path(wanted)


def _missing(wanted: str, path: Path) -> str:
    if wanted == "champion":
        return f"{CHAMPION} has no model; promote one, or name another: {', '.join(_NAMES[1:])}"
    if wanted in _NAMES:
        return f"{path} is not here; run `make repro`, which writes it"
    return f"{path} is no file; give {', '.join(_NAMES)}, or the path of an exported model"


def _best_on_validation() -> tuple[str, float]:
    path = Path("metrics/evaluate.json")
    if not path.is_file():
        raise UserError(
            f"there is no champion, and no {path} that says which model is best; run from the "
            "project's folder after `make repro`, or name a model's file: --model PATH"
        )
    scores = files.read_metrics("evaluate")
    best = tables.best(scores)
    return best, float(scores[best]["validation"]["accuracy"])
