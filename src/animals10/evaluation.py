"""How good a model is: metrics, per-class report, confusions, all from one pass."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

from animals10.arrays import Batches, Examples
from animals10.inference import Predictor

_BINS = 15


@dataclass(frozen=True)
class Answers:
    """A model's answers to examples, row by row, from a single pass.

    `probabilities` is float32 of shape (n, classes), `labels` int64 of shape (n,).
    """

    probabilities: np.ndarray
    labels: np.ndarray


def answer(predictor: Predictor, examples: Examples, batch_size: int = 64) -> Answers:
    """Ask a model once, in the order of the labels.

    Args:
        predictor: of images' probabilities.
        examples: images and labels.
        batch_size: images at once.

    Returns:
        The answers beside the labels.
    """
    probabilities = predictor.predict(Batches(examples, batch_size, shuffle=False))
    return Answers(probabilities, examples.labels)


def scores(answers: Answers) -> dict[str, float]:
    """Compute the metrics that models are compared by.

    Args:
        answers: of one model on one split.

    Returns:
        accuracy, loss (mean cross-entropy in nats), macro_f1, weighted_f1, top3_accuracy, and ece
        (expected calibration error, see `calibration_error`).
    """
    labels, probabilities = answers.labels, answers.probabilities.astype("float64")
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    classes = np.arange(probabilities.shape[1])
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]
    return {
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "loss": float(metrics.log_loss(labels, probabilities, labels=classes)),
        "macro_f1": _f1(labels, predicted, classes, "macro"),
        "weighted_f1": _f1(labels, predicted, classes, "weighted"),
        # scikit-learn's top_k_accuracy_score refuses two classes.
        "top3_accuracy": float((ranked == labels[:, None]).any(axis=1).mean()),
        "ece": calibration_error(probabilities, labels),
    }


def _f1(labels: np.ndarray, predicted: np.ndarray, classes: np.ndarray, average: str) -> float:
    return float(
        metrics.f1_score(labels, predicted, labels=classes, average=average, zero_division=0)
    )


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Compute the expected calibration error over 15 equal bins of confidence.

    Own code, as scikit-learn has none. Source: Guo et al., On Calibration of Modern Neural
    Networks, ICML 2017.

    Args:
        probabilities: shape (n, classes).
        labels: class indices, shape (n,).

    Returns:
        Mean gap between confidence and accuracy, 0..1, bins weighted by their size.
    """
    confidence = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, weights=hit - confidence, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def report(answers: Answers, classes: list[str]) -> dict[str, Any]:
    """Report precision, recall, F1 and support of each class, and their averages.

    Args:
        answers: of one model on one split.
        classes: names in the order of the labels.

    Returns:
        scikit-learn's classification report as a dictionary.
    """
    result: dict[str, Any] = metrics.classification_report(
        answers.labels,
        answers.probabilities.argmax(axis=1),
        labels=np.arange(len(classes)),
        target_names=classes,
        output_dict=True,
        zero_division=0,
    )
    return result


def confusions(answers: Answers, classes: list[str]) -> pd.DataFrame:
    """List true and predicted class of every example.

    Args:
        answers: of one model on one split.
        classes: names in the order of the labels.

    Returns:
        Columns actual and predicted, class names, in the order of the examples.
    """
    names = np.array(classes)
    predicted = answers.probabilities.argmax(axis=1)
    return pd.DataFrame({"actual": names[answers.labels], "predicted": names[predicted]})
