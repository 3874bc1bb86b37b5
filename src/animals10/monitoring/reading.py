"""What logs of predictions hold of one model."""

import json
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from animals10.errors import UserError
from animals10.monitoring.observation import NUMBERS, Observations


class Logged(NamedTuple):
    """What a log holds.

    `newest` are observations of one model, oldest first. `total` counts all predictions of that
    model, `others` those of other models by name and sha256, and `unreadable` the lines that are
    none, say one that a kill has cut.
    """

    newest: Observations
    total: int
    others: Counter[tuple[str, str]]
    unreadable: int


def read(path: Path, sha256: str, classes: list[str], columns: int, last: int) -> Logged:
    """Read a log with the files that it was rotated to.

    Args:
        path: of the newest file.
        sha256: of the model's file.
        classes: names in the order of the model's probabilities.
        columns: 3 + k, where the model's projection has k numbers.
        last: how many predictions to keep; earlier ones are only counted.

    Raises:
        UserError: there is no such log.
    """
    kept: deque[tuple[int, list[float]]] = deque(maxlen=last)
    indices = {name: index for index, name in enumerate(classes)}
    total, others, unreadable = 0, Counter[tuple[str, str]](), 0
    for line in _lines(path):
        try:
            row = json.loads(line)
            name, digest = str(row["model"]["name"]), str(row["model"]["sha256"])
            if digest == sha256:
                kept.append((indices[row["class"]], _numbers(row, columns)))
                total += 1
            else:
                others[name, digest] += 1
        except (ValueError, KeyError, TypeError, RecursionError):
            unreadable += 1
    predicted = np.array([index for index, _ in kept], np.int64)
    numbers = np.array([values for _, values in kept]).reshape(-1, columns)
    return Logged(Observations(predicted, numbers), total, others, unreadable)


def _numbers(row: dict[str, Any], columns: int) -> list[float]:
    values = [float(value) for value in (*map(row.__getitem__, NUMBERS), *row["projection"])]
    if len(values) != columns or not np.isfinite(values).all():
        raise ValueError("no numbers of this model")
    return values


def _lines(path: Path) -> Iterator[str]:
    if not path.is_file():
        raise UserError(
            f"{path} is no file; `predict --log PATH` and `serve --log PATH` write logs"
        )
    numbered = {_number(path, other): other for other in path.parent.iterdir()}
    rotated = [numbered[number] for number in sorted(numbered, reverse=True) if number]
    for each in (*rotated, path):
        with each.open(encoding="utf-8", errors="replace") as file:
            yield from file


def _number(path: Path, rotated: Path) -> int:
    """Return n for PATH.n, and 0 for any other file."""
    before, _, suffix = rotated.name.rpartition(".")
    return int(suffix) if before == path.name and suffix.isdecimal() else 0
