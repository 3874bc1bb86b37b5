"""The command `predict`."""

import argparse
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

from tqdm import tqdm

from animals10.deployment import choosing, photos, printing
from animals10.deployment.predictor import Predictor
from animals10.monitoring.log import PredictionLog

NOTHING, SKIPPED = 1, 3  # the exit codes when there was no photo, and when a file was none
_PIPED = 10_000  # columns of what is no terminal


class Counts:
    """What became of the photos that pass through."""

    def __init__(self) -> None:
        self.predicted = self.skipped = self.unsure = 0

    def count(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield rows unchanged."""
        for row in rows:
            self.skipped += "error" in row
            self.predicted += "error" not in row
            self.unsure += row.get("unsure", False)
            yield row


def run(arguments: argparse.Namespace) -> int:
    """Predict what the arguments name, and print it.

    Returns:
        The exit code: 0, 3 when a file was skipped, or 1 when there was none.

    Raises:
        UserError: there is no such model, or no log can be there.
    """
    path, note = choosing.find(arguments.model)
    if note:
        print(note, file=sys.stderr)
    predictor, counts = Predictor(path), Counts()
    top = min(arguments.top, len(predictor.classes))
    with photos.open_photos(arguments.photos) as found, _log(arguments.log) as log:
        rows = counts.count(photos.predictions(predictor, found, top, log))
        names = [photo.name for photo in found]
        with tqdm(total=len(found), desc="predict", unit="photo", disable=_quiet()) as bar:
            for line in _lines(arguments, rows, names, predictor, top):
                bar.write(line, file=sys.stdout)
                bar.update(counts.predicted + counts.skipped - bar.n)
    for line in _summary(counts, predictor, arguments.json or arguments.csv):
        print(line, file=sys.stderr)
    if not counts.predicted + counts.skipped:
        return NOTHING
    return SKIPPED if counts.skipped else 0


def _log(path: Path | None) -> AbstractContextManager[PredictionLog | None]:
    return closing(PredictionLog(path)) if path else nullcontext()


def _quiet() -> bool:
    # The lines of a terminal show the progress themselves.
    return not sys.stderr.isatty() or sys.stdout.isatty()


def _lines(
    arguments: argparse.Namespace,
    rows: Iterable[dict[str, Any]],
    names: list[str],
    predictor: Predictor,
    top: int,
) -> Iterator[str]:
    if arguments.json:
        return printing.as_json(rows)
    if arguments.csv:
        return printing.as_csv(rows, top)
    columns = shutil.get_terminal_size((_PIPED, 0)).columns
    return printing.as_table(rows, names, predictor.classes, top, columns)


def _summary(counts: Counts, predictor: Predictor, brief: bool) -> Iterator[str]:
    if not counts.predicted + counts.skipped:
        yield "there is no photo in what was named"
    if counts.unsure and not brief:
        yield (
            f"unsure: {counts.unsure:,} of {counts.predicted:,} predictions have a probability "
            f"below {predictor.threshold:.3f}, or are of photos unlike the training photos"
        )
    if counts.skipped:
        total = counts.predicted + counts.skipped
        yield f"{counts.skipped:,} of {total:,} files could not be used and were skipped"
