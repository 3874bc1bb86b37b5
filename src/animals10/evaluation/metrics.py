"""How good a model is: metrics, per-class report, confusions, all from one pass."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

_BINS = 15
_COLUMNS = ("precision", "recall", "f1-score", "support")


@dataclass(frozen=True)
class Predictions:
    """A model's predictions beside the labels, row by row, from a single pass.

    `probabilities` is float32 of shape (n, classes), `labels` int64 of shape (n,).
    """

    probabilities: np.ndarray
    labels: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """Whether each is right, bool of shape (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.labels)

    def select(self, rows: np.ndarray) -> "Predictions":
        """Return those of some examples, `rows` being bool of shape (n,)."""
        return Predictions(self.probabilities[rows], self.labels[rows])


def scores(predictions: Predictions) -> dict[str, float]:
    """Compute the metrics that models are compared by.

    Args:
        predictions: of one model on one split, or on some rows of it, at least one.

    Returns:
        accuracy, loss (mean cross-entropy in nats), macro_f1 (the mean over the classes that have
        examples), weighted_f1, top3_accuracy, and ece (expected calibration error, see
        `calibration_error`).
    """
    labels, probabilities = predictions.labels, predictions.probabilities.astype("float64")
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    classes = np.arange(probabilities.shape[1])
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]
    return {
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "loss": float(metrics.log_loss(labels, probabilities, labels=classes)),
        "macro_f1": macro_f1(labels, predicted),
        "weighted_f1": _averages(labels, predicted, "weighted")["f1-score"],
        # scikit-learn's top_k_accuracy_score refuses two classes.
        "top3_accuracy": float((ranked == labels[:, None]).any(axis=1).mean()),
        "ece": calibration_error(probabilities, labels),
    }


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Average the F1 scores of the classes that have examples; both int64 of shape (n,)."""
    return _averages(labels, predicted, "macro")["f1-score"]


def _averages(labels: np.ndarray, predicted: np.ndarray, average: str) -> dict[str, float]:
    """Average over the classes that have examples: of others, recall and F1 mean nothing."""
    present = np.unique(labels)
    *values, _ = metrics.precision_recall_fscore_support(
        labels, predicted, labels=present, average=average, zero_division=0
    )
    named = zip(_COLUMNS, [*values, len(labels)], strict=True)
    return {name: float(value) for name, value in named}


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
    gaps = np.bincount(confidence_bins(confidence), weights=hit - confidence)
    return float(np.abs(gaps).sum() / len(labels))


def confidence_bins(confidence: np.ndarray) -> np.ndarray:
    """Return the number of the bin of each confidence, 0..14; both of shape (n,)."""
    return np.minimum((confidence * _BINS).astype(int), _BINS - 1)


def report(predictions: Predictions, classes: list[str]) -> dict[str, Any]:
    """Report precision, recall, F1 and support of each class, and their averages.

    Args:
        predictions: of one model on one split.
        classes: names in the order of the labels.

    Returns:
        `classes`, a row by name for every class, with zeros for one that has no examples; apart
        from them, as a class may be named like these: `accuracy`, and the rows `macro avg` and
        `weighted avg` over the classes that have examples.
    """
    labels, predicted = predictions.labels, predictions.probabilities.argmax(axis=1)
    columns = metrics.precision_recall_fscore_support(
        labels, predicted, labels=np.arange(len(classes)), zero_division=0
    )
    rows = pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True))).to_dict("records")
    return {
        "classes": dict(zip(classes, rows, strict=True)),
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "macro avg": _averages(labels, predicted, "macro"),
        "weighted avg": _averages(labels, predicted, "weighted"),
    }


def confusions(predictions: Predictions, classes: list[str]) -> pd.DataFrame:
    """List true and predicted class of every example.

    Args:
        predictions: of one model on one split.
        classes: names in the order of the labels.

    Returns:
        Columns actual and predicted, class names, in the order of the examples.
    """
    names = np.array(classes, object)  # else each row is as long as the longest name
    predicted = predictions.probabilities.argmax(axis=1)
    return pd.DataFrame({"actual": names[predictions.labels], "predicted": names[predicted]})


def confused_pairs(table: pd.DataFrame, most: int = 25) -> pd.DataFrame:
    """List the classes that are mistaken for each other most often.

    Args:
        table: as `confusions` returns it.
        most: rows to return.

    Returns:
        Columns actual, predicted, count (examples of the one that were taken for the other), and
        fraction (of the examples of the actual class); the highest counts first.
    """
    sizes = table["actual"].value_counts()
    wrong = table[table["actual"] != table["predicted"]]
    pairs = wrong.groupby(["actual", "predicted"]).size().rename("count").reset_index()
    pairs["fraction"] = pairs["count"] / sizes.loc[pairs["actual"]].to_numpy()
    order = {"count": False, "fraction": False, "actual": True, "predicted": True}
    return pairs.sort_values([*order], ascending=[*order.values()], ignore_index=True)[:most]
