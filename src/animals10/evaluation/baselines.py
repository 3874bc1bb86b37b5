"""What takes no training of a network: beside it the models show what training adds."""

from typing import Any

from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from animals10.evaluation.metrics import macro_f1
from animals10.training.batches import Examples

_NEIGHBORS = 10


def evaluate(train: Examples, splits: dict[str, Examples]) -> dict[str, Any]:
    """Fit simple classifiers to a frozen backbone's features, and measure them.

    Args:
        train: float32 features of shape (n, channels) of unaugmented images, and labels.
        splits: the same of validation and test.

    Returns:
        By classifier and split, accuracy and macro_f1: of `majority`, always the largest class; of
        `neighbors`, votes of the nearest ten by cosine; of `logistic_regression`.
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
        name: {split: _scores(classifier, each) for split, each in splits.items()}
        for name, classifier in classifiers.items()
    }


def _scores(classifier: Any, examples: Examples) -> dict[str, float]:
    predicted = classifier.predict(examples.inputs)
    return {
        "accuracy": float(accuracy_score(examples.labels, predicted)),
        "macro_f1": macro_f1(examples.labels, predicted),
    }
