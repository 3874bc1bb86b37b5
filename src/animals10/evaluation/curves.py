"""Curves of predictions, as tables: calibration, accuracy against threshold, precision-recall."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_curve

from animals10 import files
from animals10.evaluation.metrics import Predictions, confidence_bins

_THRESHOLDS = np.append(np.arange(0, 0.99, 0.02), 0.99)
_RECALLS = np.linspace(0, 1, 21)
_PANELS = 25  # classes that are drawn


def calibration(confidence: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """Compare confidence with accuracy in 15 equal bins of confidence.

    Args:
        confidence: probability of the predicted class, shape (n,).
        right: bool of shape (n,).

    Returns:
        Columns confidence and accuracy, the means of a bin, and photos; empty bins are left out.
    """
    table = pd.DataFrame({"confidence": confidence, "accuracy": right, "photos": 1})
    bins = table.groupby(confidence_bins(confidence))
    return bins.agg({"confidence": "mean", "accuracy": "mean", "photos": "sum"})


def thresholds(
    confidence: np.ndarray, right: np.ndarray, at: np.ndarray = _THRESHOLDS
) -> pd.DataFrame:
    """Compute what is gained by keeping only the predictions that are confident enough.

    Args:
        confidence: probability of the predicted class, shape (n,).
        right: bool of shape (n,).
        at: thresholds.

    Returns:
        Columns threshold, accuracy (of what is kept) and coverage (the fraction that is kept);
        thresholds that keep nothing are left out.
    """
    kept = confidence >= at[:, None]
    counts = kept.sum(axis=1)
    some = counts > 0
    accuracy = (kept & right).sum(axis=1)[some] / counts[some]
    coverage = counts[some] / len(right)
    return pd.DataFrame({"threshold": at[some], "accuracy": accuracy, "coverage": coverage})


def precision_recall(predictions: Predictions, classes: list[str]) -> pd.DataFrame:
    """Compute precision against recall of each class, or of the 25 hardest of more.

    Source: Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010: the
    precision at a recall is the highest at this or any higher recall.

    Args:
        predictions: of one model on one split.
        classes: names in the order of the labels.

    Returns:
        Columns class, recall and precision; 21 rows for each class that has examples.
    """
    labels, probabilities = predictions.labels, predictions.probabilities
    present = np.unique(labels)
    scores = [average_precision_score(labels == each, probabilities[:, each]) for each in present]
    hardest = present[np.argsort(scores, kind="stable")][:_PANELS]
    tables = []
    for label in np.sort(hardest):
        precision, recall, _ = precision_recall_curve(labels == label, probabilities[:, label])
        highest = [precision[recall >= wanted - 1e-9].max() for wanted in _RECALLS]
        columns = {"class": classes[label], "recall": _RECALLS, "precision": highest}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables)


def write(models: dict[str, Predictions], best: str, classes: list[str], folder: Path) -> None:
    """Write calibration.csv, threshold.csv and precision_recall.csv, as `dvc plots` draws them.

    Args:
        models: predictions by model, on test.
        best: the model whose precision and recall are written.
        classes: names in the order of the labels.
        folder: `plots`.
    """
    right = {name: each.probabilities.argmax(1) == each.labels for name, each in models.items()}
    for file, curve in (("calibration", calibration), ("threshold", thresholds)):
        tables = [
            curve(each.probabilities.max(axis=1), right[name]).assign(model=name)
            for name, each in models.items()
        ]
        files.write_csv(folder / f"{file}.csv", pd.concat(tables))
    table = precision_recall(models[best], classes).assign(model=best)
    files.write_csv(folder / "precision_recall.csv", table)
