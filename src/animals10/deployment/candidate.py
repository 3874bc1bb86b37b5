"""A finished graph, what it predicts, and when a prediction of it is unsure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from animals10 import files
from animals10.deployment import graph
from animals10.deployment.predictor import Outputs, open_session, run
from animals10.evaluation.calibration import acceptance_threshold
from animals10.monitoring.observation import observe
from animals10.monitoring.reference import Reference
from animals10.parameters import Export
from animals10.training.batches import Examples


@dataclass(frozen=True)
class Candidate:
    """A finished graph, its outputs on validation and test, and what validation says of it."""

    model: onnx.ModelProto
    validation: Outputs
    test: Outputs
    thresholds: dict[str, float]
    reference: Reference

    @classmethod
    def of(
        cls, model: onnx.ModelProto, splits: dict[str, Examples], settings: Export
    ) -> "Candidate":
        """Run a graph on validation and test; validation decides thresholds and reference."""
        session = open_session(graph.to_bytes(model, {}))
        validation, test = (
            Outputs(*run(session, splits[split].inputs)) for split in ("validation", "test")
        )
        right = validation.probabilities.argmax(axis=1) == splits["validation"].labels
        confidence = validation.probabilities.max(axis=1)
        accepted = acceptance_threshold(confidence, right, settings.accepted_accuracy)
        unusual = np.quantile(validation.unfamiliarity, 1 - settings.unfamiliar, method="higher")
        thresholds = {"threshold": accepted, "unfamiliarity_threshold": float(unusual)}
        probabilities, images = validation.probabilities, splits["validation"].inputs
        observed = observe(images, probabilities, validation.projection)
        reference = Reference.of(observed, classes=probabilities.shape[1])
        return cls(model, validation, test, thresholds, reference)

    def accuracy(self, labels: np.ndarray) -> float:
        """Return the accuracy on validation, whose labels are given."""
        return float((self.validation.probabilities.argmax(axis=1) == labels).mean())

    def figures(self, labels: np.ndarray) -> dict[str, Any]:
        """Return the thresholds, and what they do to the test photos, whose labels are given.

        A fraction of no photos is None.
        """
        accepted = self.test.probabilities.max(axis=1) >= self.thresholds["threshold"]
        unfamiliar = self.test.unfamiliarity > self.thresholds["unfamiliarity_threshold"]
        right = self.test.probabilities.argmax(axis=1) == labels
        sure = accepted & ~unfamiliar
        return self.thresholds | {
            "accepted": _fraction(accepted),
            "accepted_accuracy": _fraction(right[accepted]),
            "unfamiliar": _fraction(unfamiliar),
            "sure": _fraction(sure),
            "sure_accuracy": _fraction(right[sure]),
        }

    def write(self, path: Path, about: dict[str, str]) -> None:
        """Write the graph, with thresholds, reference and what else it shall say of itself."""
        own = {key: repr(value) for key, value in self.thresholds.items()}
        own["reference"] = self.reference.to_json()
        files.write_bytes(path, graph.to_bytes(self.model, about | own))


def _fraction(flags: np.ndarray) -> float | None:
    return float(flags.mean()) if len(flags) else None
