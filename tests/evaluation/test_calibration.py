"""Temperatures and thresholds."""

import numpy as np
import pytest

from animals10.evaluation.calibration import acceptance_threshold, calibrated, temperature
from animals10.evaluation.metrics import calibration_error


def overconfident(count: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels from probabilities; return what a model gives that is too sure by a factor."""
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=1.5, size=(count, 5))
    right = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(5, p=row) for row in right])
    powers = right**factor
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("factor", [0.5, 1, 3])
def test_the_temperature_of_a_model_that_is_too_sure_is_found(factor: float) -> None:
    probabilities, labels = overconfident(4000, factor)
    found = temperature(probabilities, labels)
    assert found == pytest.approx(factor, rel=0.1)
    after = calibrated(probabilities, found)
    assert after.dtype == np.float32
    assert after.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (np.argsort(after) == np.argsort(probabilities)).mean() > 0.999
    assert calibration_error(after, labels) < 0.03
    if factor == 3:
        assert calibration_error(probabilities, labels) > 0.1


def test_perfect_predictions_and_zeros_have_a_temperature() -> None:
    probabilities = np.eye(3, dtype=np.float32)
    found = temperature(probabilities, np.arange(3))
    assert 0.1 <= found <= 10
    assert np.isfinite(calibrated(probabilities, found)).all()


def test_the_threshold_is_the_lowest_that_is_right_often_enough() -> None:
    confidence = np.array([0.9, 0.5, 0.8, 0.7, 0.6])
    right = np.array([True, False, True, False, True])
    assert acceptance_threshold(confidence, right, 1) == 0.8
    assert acceptance_threshold(confidence, right, 0.75) == 0.6
    assert acceptance_threshold(confidence, right, 0.6) == 0.5


def test_equal_confidences_are_accepted_together_or_not_at_all() -> None:
    confidence, right = np.array([0.9, 0.8, 0.8]), np.array([True, True, False])
    assert acceptance_threshold(confidence, right, 1) == 0.9


def test_a_model_whose_surest_prediction_is_wrong_accepts_none() -> None:
    assert acceptance_threshold(np.array([0.9, 0.8]), np.array([False, True]), 0.99) == 1
