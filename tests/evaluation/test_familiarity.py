"""What is unlike the training photos."""

import numpy as np

from animals10.evaluation import familiarity


def features(count: int, seed: int, classes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Make features of 20 channels, each class with a direction of its own, of any length."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, count)
    directions = np.abs(np.random.default_rng(7).normal(size=(6, 20)))
    values = directions[labels] + 0.2 * rng.normal(size=(count, 20))
    return (values * rng.uniform(1, 9, (count, 1))).astype(np.float32), labels


def test_another_class_is_farther_than_those_of_training() -> None:
    known = familiarity.fit(*features(300, 1, (0, 1, 2, 3)))
    usual = known.distance(features(200, 2, (0, 1, 2, 3))[0])
    other = known.distance(features(200, 3, (4, 5))[0])
    assert usual.dtype == np.float32
    assert usual.min() >= 0
    assert np.quantile(usual, 0.99) < np.quantile(other, 0.01)


def test_fewer_photos_than_channels_and_zeros_are_enough() -> None:
    known = familiarity.fit(*features(12, 1, (0, 1)))
    assert np.isfinite(known.distance(np.zeros((2, 20), np.float32))).all()
