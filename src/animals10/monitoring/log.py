"""An opt-in log of predictions: JSON Lines in files of bounded size, and no photos."""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
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
    becomes PATH.2 and so on, and the oldest is deleted. Where the file was moved or removed, the
    next line begins a new one.

    Args:
        path: of the file, which is made or continued, with the folders above it.
        largest: bytes of a file.
        rotated: how many earlier files are kept.

    Raises:
        UserError: there can be no such file, or another kind of file is there.
    """

    def __init__(self, path: Path, largest: int = LARGEST, rotated: int = ROTATED) -> None:
        try:
            self._handler = _Handler(path, maxBytes=largest, backupCount=rotated)
        except OSError as error:
            raise UserError(
                f"{path} cannot be a log of predictions: {error.strerror}; name another file"
            ) from None

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
            OSError: they cannot be written, say as the disk is full. The next ones are tried anew.
            UserError: the file was replaced by one that is no log.
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
    def emit(self, record: logging.LogRecord) -> None:
        """Write a line to the file that has the log's name now: others may move or remove it."""
        if not self._is_in_place():
            self._leave()
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> NoReturn:  # noqa: N802 - logging's name
        """Raise what logging would print, and let the next line open the file anew."""
        self._leave()  # with what is left of the line, which would come in the midst of another
        raise  # noqa: PLE0704 - logging calls this while it handles an exception

    def _open(self) -> TextIOWrapper:  # for logging, which would make a file that all may read
        path = Path(self.baseFilename)
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(_continue(path), "a", encoding="utf-8")

    def _is_in_place(self) -> bool:
        try:
            there = os.stat(self.baseFilename)
            return bool(self.stream and os.path.samestat(there, os.fstat(self.stream.fileno())))
        except OSError:
            return False

    def _leave(self) -> None:
        stream, self.stream = self.stream, None
        if stream:
            with suppress(OSError):  # again, of a line whose failure was raised
                stream.close()


def _continue(path: Path) -> int:
    """Open a file to append to it.

    It is made such that only its owner may read it; a line that was cut by a kill is ended.

    Returns:
        Its descriptor.

    Raises:
        OSError: it cannot be opened.
        UserError: something else is there.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UserError(f"{path} is a folder, a pipe or a device, and no file; name another")
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        _end_line(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _end_line(descriptor: int, path: Path) -> None:
    with open(descriptor, "r+b", buffering=0, closefd=False) as file:
        begin = file.read(len(_BEGIN))
        if not _BEGIN.startswith(begin):
            raise UserError(f"{path} is no log of predictions, and is left as it is; name another")
        if begin:
            file.seek(-1, os.SEEK_END)
            file.write(b"" if file.read() == b"\n" else b"\n")
