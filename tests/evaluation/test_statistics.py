"""Intervals of accuracies, and McNemar's test."""

import numpy as np
import pytest
from scipy.stats import binomtest

from animals10.evaluation.statistics import Comparison, accuracy_interval, mcnemar


def test_of_independent_photos_the_interval_is_about_wilsons() -> None:
    right = np.arange(400) % 10 != 0
    found = accuracy_interval(right, np.arange(400))
    wilson = binomtest(360, 400).proportion_ci(method="wilson")
    assert found == pytest.approx((wilson.low, wilson.high), abs=0.01)
    assert found == accuracy_interval(right, np.arange(400))


def test_copies_of_photos_tell_nothing_more() -> None:
    right, groups = np.arange(60) % 4 != 0, np.arange(60)
    once = accuracy_interval(right, groups)
    copied = accuracy_interval(np.repeat(right, 5), np.repeat(groups, 5))
    assert copied == pytest.approx(once)
    taken_for_others = accuracy_interval(np.repeat(right, 5), np.arange(300))
    assert np.ptp(taken_for_others) < 0.6 * np.ptp(once)


def test_the_interval_covers_the_true_accuracy_19_times_of_20() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(100), 2)
    covered = 0
    for _ in range(100):
        low, high = accuracy_interval(np.repeat(rng.random(100) < 0.8, 2), groups)
        covered += low <= 0.8 <= high
    assert covered >= 88


@pytest.mark.parametrize("all_right", [True, False])
def test_where_all_are_alike_the_interval_still_has_a_width(all_right: bool) -> None:
    low, high = accuracy_interval(np.full(40, all_right), np.arange(40) // 2)
    assert (low, high) == pytest.approx((0.8389, 1) if all_right else (0, 0.1611), abs=1e-4)
    assert accuracy_interval(np.array([True]), np.array(["a"])).low < 0.3


def test_mcnemar_is_exact_and_looks_at_what_differs() -> None:
    first = np.array([True] * 8 + [False] + [True] * 50)
    second = np.array([False] * 8 + [True] + [True] * 50)
    # 2 * (1 + 9) / 2**9
    assert mcnemar(first, second) == pytest.approx((8, 1, 0.0390625))
    assert mcnemar(second, first).p == pytest.approx(0.0390625)
    assert mcnemar(first, first) == Comparison(0, 0, 1.0)
