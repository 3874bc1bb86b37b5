"""An opt-in log of predictions: JSON Lines in files of bounded size, and no photos."""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, NoReturn

from animals10.errors import UserError
from animals10.monitoring.observation import NUMBERS, Observations

LARGEST, ROTATED = 10 * 2**20, 5  # bytes of a file, and how many earlier files are kept
_BEGIN = b'{"time": '


class PredictionLog:
    """A file to which predictions are appended, by the threads of one process.

    After each batch, with what `Predictor.identity`, `predict` and `describe` returned:

        log = PredictionLog(Path("logs/predictions.jsonl"))
        observed = observe(images, outputs.probabilities, outputs.projection)
        log.write(predictor.identity(), described, observed)

    A line has time (UTC), model, class, probability, unsure, brightness, sharpness and projection,
    but no name of a file. Only its owner may read the file. A full one becomes PATH.1, PATH.1
    becomes PATH.2 and so on, and the oldest is deleted.

    Args:
        path: of the file, which is made or continued, with the folders above it.
        largest: bytes of a file.
        rotated: how many earlier files are kept.

    Raises:
        UserError: there can be no such file, or another kind of file is there.
    """

    def __init__(self, path: Path, largest: int = LARGEST, rotated: int = ROTATED) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _continue(path)
            self._handler = _Handler(path, maxBytes=largest, backupCount=rotated, encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"{path} cannot be a log of predictions: {error.strerror}; name another file"
            ) from None
        self._handler.rotator = _rotate

    def write(
        self,
        model: Mapping[str, Any],
        predictions: Iterable[Mapping[str, Any]],
        observations: Observations,
    ) -> None:
        """Append predictions.

        Args:
            model: its name, the sha256 of its file and, where it has one, its version.
            predictions: as `Predictor.describe` returns them; class and unsure are taken.
            observations: of the same photos in the same order.

        Raises:
            OSError: they cannot be written, say as the disk is full.
        """
        time = datetime.now(UTC).isoformat(timespec="seconds")
        for prediction, values in zip(predictions, observations.numbers.tolist(), strict=True):
            line = {
                "time": time,
                "model": dict(model),
                "class": prediction["class"],
                "unsure": prediction["unsure"],
                **dict(zip(NUMBERS, values, strict=False)),
                "projection": values[len(NUMBERS) :],
            }
            self._handler.handle(logging.makeLogRecord({"msg": json.dumps(line)}))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


class _Handler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> NoReturn:  # noqa: N802 - logging's name
        """Raise what logging would print."""
        raise  # noqa: PLE0704 - logging calls this while it handles an exception


def _rotate(source: str, target: str) -> None:
    os.rename(source, target)
    _continue(Path(source))  # since logging would make a file that all may read


def _continue(path: Path) -> None:
    """Make a file that only its owner may read, or end a line that was cut by a kill."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with open(descriptor, "r+b", buffering=0) as file:
        begin = file.read(len(_BEGIN))
        if not _BEGIN.startswith(begin):
            raise UserError(f"{path} is no log of predictions, and is left as it is; name another")
        if begin:
            file.seek(-1, os.SEEK_END)
            file.write(b"" if file.read() == b"\n" else b"\n")
