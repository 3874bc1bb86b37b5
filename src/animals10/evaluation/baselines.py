"""What takes no training of a network: beside it the models show what training adds."""

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from animals10.evaluation.metrics import macro_f1
from animals10.evaluation.statistics import bounds
from animals10.training.batches import Examples

_NEIGHBORS = 10


def predict(train: Examples, splits: dict[str, Examples]) -> dict[str, dict[str, np.ndarray]]:
    """Fit simple classifiers to a frozen backbone's features, and predict.

    Args:
        train: float32 features of shape (n, channels) of unaugmented images, and labels.
        splits: the same of validation and test.

    Returns:
        By classifier and split, class indices of shape (n,): of `majority`, always the largest
        class; of `neighbors`, votes of the nearest ten by cosine; of `logistic_regression`.
    """
    count = min(_NEIGHBORS, len(train.labels))
    classifiers = {
        "majority": DummyClassifier(strategy="most_frequent"),
        # Of vectors of one length, the order of distances is that of cosines.
        "neighbors": make_pipeline(Normalizer(), KNeighborsClassifier(count)),
        "logistic_regression": make_pipeline(Normalizer(), LogisticRegression(C=10, max_iter=1000)),
    }
    for classifier in classifiers.values():
        classifier.fit(train.inputs, train.labels)
    return {
        name: {split: classifier.predict(each.inputs) for split, each in splits.items()}
        for name, classifier in classifiers.items()
    }


def scores(
    predicted: dict[str, dict[str, np.ndarray]],
    splits: dict[str, Examples],
    groups: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Compare the classifiers.

    Args:
        predicted: as `predict` returns it.
        splits: the same that `predict` was given.
        groups: of near-duplicates, by split: one for each example.

    Returns:
        By classifier and split, accuracy, accuracy_low, accuracy_high, and macro_f1.
    """
    return {
        name: {
            split: _scores(splits[split].labels, each, groups[split])
            for split, each in of_split.items()
        }
        for name, of_split in predicted.items()
    }


def _scores(labels: np.ndarray, predicted: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        **bounds(predicted == labels, groups),
        "macro_f1": macro_f1(labels, predicted),
    }
