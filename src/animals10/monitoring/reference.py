"""The distribution of what a model's log holds, measured on validation photos."""

import json
from dataclasses import dataclass

import numpy as np

from animals10.monitoring.observation import Observations

# Each half percent. Values between are interpolated, so that a fraction of photos is off by 0.005
# at most, and a test of 1,000 predictions takes no difference below 0.05 for drift.
_FRACTIONS = np.linspace(0, 1, 201)


@dataclass(frozen=True)
class Reference:
    """How often each class was predicted, and how the numbers were distributed.

    `counts` is int64 of shape (classes,). `quantiles` is float64 of shape (201, 3 + k), of
    `Observations.numbers`.
    """

    counts: np.ndarray
    quantiles: np.ndarray

    @classmethod
    def of(cls, observations: Observations, classes: int) -> "Reference":
        """Summarize observations of photos that the model was not fitted to.

        Args:
            observations: at least one.
            classes: how many the model has.
        """
        counts = np.bincount(observations.predicted, minlength=classes)
        return cls(counts, np.quantile(observations.numbers, _FRACTIONS, axis=0))

    def numbers(self) -> np.ndarray:
        """Return numbers as those of the photos were, with a row for each: shape (n, 3 + k)."""
        fractions = np.linspace(0, 1, int(self.counts.sum()))
        columns = [np.interp(fractions, _FRACTIONS, column) for column in self.quantiles.T]
        return np.column_stack(columns)

    def to_json(self) -> str:
        """Write it as text: about 40 kB, and 5 bytes a class."""
        columns = [[float(f"{value:.6g}") for value in column] for column in self.quantiles.T]
        return json.dumps({"counts": self.counts.tolist(), "quantiles": columns})

    @classmethod
    def from_json(cls, text: str) -> "Reference":
        """Read what `to_json` wrote."""
        content = json.loads(text)
        return cls(np.array(content["counts"]), np.array(content["quantiles"]).T)
