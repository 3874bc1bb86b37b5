"""Probabilities that mean what they say, and the confidence from which a prediction is accepted."""

import numpy as np
from scipy.optimize import minimize_scalar

# Of the temperature: where all predictions are right, the loss falls on as it goes to 0.
_LOWEST, _HIGHEST = 0.1, 10.0
TINY = np.finfo(np.float32).tiny  # of a probability that became 0


def temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Fit the temperature that makes a model's probabilities most likely.

    Not by scikit-learn's `CalibratedClassifierCV(method="temperature")`, which wants a classifier
    of its own kind around the model, and keeps the temperature inside. Source: Guo et al., On
    Calibration of Modern Neural Networks, ICML 2017.

    Args:
        probabilities: of validation examples, shape (n, classes).
        labels: class indices, shape (n,).

    Returns:
        What log-probabilities are divided by, 0.1..10; 1 leaves them as they are.
    """
    rows = np.arange(len(labels))

    def loss(exponent: float) -> float:
        scaled = _scaled(probabilities, float(np.exp(exponent)))
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[rows, labels]).mean())

    bounds = (np.log(_LOWEST), np.log(_HIGHEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def calibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Apply a temperature: softmax(log(probabilities) / temperature).

    Args:
        probabilities: shape (n, classes).
        temperature: as the function of that name returns it.

    Returns:
        float32 of the same shape, in the same order within each row.
    """
    scaled = _scaled(probabilities, temperature)
    return np.exp(scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)).astype(np.float32)


def _scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    return np.log(np.maximum(probabilities.astype(np.float64), TINY)) / temperature


def acceptance_threshold(confidence: np.ndarray, right: np.ndarray, accuracy: float) -> float:
    """Find the lowest confidence from which on predictions are right as often as wanted.

    Args:
        confidence: of validation examples, the probability of the predicted class, shape (n,).
        right: bool of shape (n,), whether the prediction is right.
        accuracy: the fraction of accepted predictions that must be right, 0..1.

    Returns:
        A threshold: predictions of at least this confidence are accepted. It is 1 where not even
        the most confident ones are right that often.
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    accuracies = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    # Equal confidences are accepted together.
    last_of_equals = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)
    enough = np.flatnonzero((accuracies >= accuracy) & last_of_equals)
    return float(sorted_confidence[enough[-1]]) if len(enough) else 1.0
