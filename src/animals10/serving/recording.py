"""The opt-in log of what a server predicts."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from animals10.errors import UserError
from animals10.monitoring.log import PredictionLog
from animals10.monitoring.observation import observe
from animals10.serving.following import Model
from animals10.serving.service import Predicted, Record, Row

_logger = logging.getLogger(__name__)


def recorder(path: Path) -> Record:
    """Open a log, and return what appends predictions to it.

    A log that cannot be written costs no prediction: the server's own log says why, once until it
    can be written again.

    Args:
        path: as `PredictionLog` takes it.

    Raises:
        UserError: there can be no such file.
    """
    log, problems = PredictionLog(path), set[str]()

    def record(model: Model, rows: list[Row], predicted: list[Predicted]) -> None:
        try:
            log.write(model.identity, rows, observe(*_arrays(predicted)))
            problems.clear()
        except (OSError, UserError) as error:
            if str(error) not in problems:
                problems.add(str(error))
                _logger.warning("predictions are not logged: %s", error)

    return record


def _arrays(predicted: list[Predicted]) -> tuple[Any, ...]:
    outputs = [each.outputs for each in predicted]
    return (
        np.stack([each.image for each in predicted]),
        np.concatenate([each.probabilities for each in outputs]),
        np.concatenate([each.projection for each in outputs]),
    )
