"""The command `drift`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from animals10.deployment import choosing
from animals10.deployment.predictor import Predictor
from animals10.errors import UserError
from animals10.monitoring import drift, reading

DRIFT = 4  # the exit code when there is some


def run(arguments: argparse.Namespace) -> int:
    """Compare a log with the validation photos of the model that wrote it, and print it.

    Returns:
        The exit code: 0, or 4 when there is drift.

    Raises:
        UserError: there is no such model or log, or too few predictions of the model in it.
    """
    path, note = choosing.find(arguments.model)
    predictor = Predictor(path)
    columns = predictor.reference.quantiles.shape[1]
    identity = predictor.identity()
    logged = reading.read(
        arguments.log, identity["sha256"], predictor.classes, columns, arguments.last
    )
    for line in _notes(logged, note):
        print(line, file=sys.stderr)
    _require_enough(logged, arguments.log, path)
    changes = drift.compare(predictor.reference, logged.newest, predictor.classes)
    for line in drift.report(changes, _of(logged, identity["name"])):
        print(line)
    return DRIFT if drift.worries(changes) else 0


def _notes(logged: reading.Logged, note: str) -> Iterator[str]:
    if note:
        yield note
    if logged.unreadable:
        yield f"lines of the log that cannot be read, passed over: {logged.unreadable:,}"
    if logged.total and logged.others:
        yield f"predictions of other models, passed over: {logged.others.total():,}"


def _require_enough(logged: reading.Logged, log: Path, model: Path) -> None:
    if logged.total < drift.FEWEST:
        others = ", ".join(
            f"{count:,} of {name} ({sha256[:8]})"
            for (name, sha256), count in logged.others.most_common(3)
        )
        more = f"; it has {others}, whose file you may name: --model PATH" if others else ""
        raise UserError(
            f"{log} has {logged.total} predictions of {model}, and at least {drift.FEWEST} are "
            f"needed{more}"
        )


def _of(logged: reading.Logged, name: str) -> str:
    count = len(logged.newest.predicted)
    newest = f"the newest {count:,} of " if logged.total > count else ""
    return f"{newest}{logged.total:,} predictions of {name}"
