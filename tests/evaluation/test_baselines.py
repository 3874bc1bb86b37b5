"""Simple classifiers of features."""

import numpy as np

from animals10.evaluation import baselines
from animals10.training.batches import Examples


def clusters(count: int, seed: int, noise: float = 0.1) -> Examples:
    """Make features of three classes that point into directions of their own, class 0 twice."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, count) % 3
    features = np.eye(3)[labels] + noise * rng.normal(size=(count, 3))
    scales = rng.uniform(1, 9, (count, 1))  # which neither direction nor class depends on
    return Examples((scales * features).astype(np.float32), labels)


def test_they_learn_what_is_there_to_learn() -> None:
    splits = {"validation": clusters(100, 2), "test": clusters(80, 3)}
    groups = {"validation": np.arange(100) // 2, "test": np.arange(80)}
    scores = baselines.scores(baselines.predict(clusters(200, 1), splits), splits, groups)
    assert list(scores) == ["majority", "neighbors", "logistic_regression"]
    for name in ("neighbors", "logistic_regression"):
        assert all(scores[name][split]["accuracy"] > 0.9 for split in splits)
        assert all(scores[name][split]["macro_f1"] > 0.9 for split in splits)
        for split in splits:
            found = scores[name][split]
            assert found["accuracy_low"] < found["accuracy"] <= found["accuracy_high"]
    share = float((splits["test"].labels == 0).mean())
    assert scores["majority"]["test"]["accuracy"] == share
    assert scores["majority"]["test"]["macro_f1"] < share


def test_fewer_examples_than_neighbors_are_enough() -> None:
    predicted = baselines.predict(clusters(6, 1), {"test": clusters(20, 2)})
    assert predicted["neighbors"]["test"].shape == (20,)
