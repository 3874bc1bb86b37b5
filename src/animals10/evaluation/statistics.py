"""How sure a comparison is: intervals of an accuracy, and tests between two classifiers."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest, bootstrap

_RESAMPLES = 2000


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


class Comparison(NamedTuple):
    """Examples that only one of two classifiers has right, and the p-value of as many."""

    only_first: int
    only_second: int
    p: float


def accuracy_interval(right: np.ndarray, groups: np.ndarray) -> Interval:
    """Compute the 95 % interval of an accuracy, by a bootstrap over groups of near-duplicates.

    Near-duplicates are right or wrong together, so that as many independent photos would tell
    more. Where all photos are right, or all wrong, resampling shows no spread: the interval is
    Wilson's then, with groups for examples.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, percentile interval.

    Args:
        right: bool of shape (n,), at least one.
        groups: the group of each photo, shape (n,).
    """
    sums = pd.Series(right).groupby(groups).agg(["sum", "size"])
    if right.all() or not right.any() or len(sums) < 2:
        hits = round(right.mean() * len(sums))
        wilson = binomtest(hits, len(sums)).proportion_ci(method="wilson")
        return Interval(float(wilson.low), float(wilson.high))
    found = bootstrap(
        (sums["sum"].to_numpy(), sums["size"].to_numpy()),
        lambda hits, sizes, axis: hits.sum(axis) / sizes.sum(axis),
        paired=True, vectorized=True, n_resamples=_RESAMPLES, batch=100,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Interval(float(found.low), float(found.high))


def bounds(right: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """Return what `accuracy_interval` does as metrics: accuracy_low and accuracy_high."""
    interval = accuracy_interval(right, groups)
    return {"accuracy_low": interval.low, "accuracy_high": interval.high}


def mcnemar(first: np.ndarray, second: np.ndarray) -> Comparison:
    """Test whether two classifiers are equally often right on the same examples.

    Source: McNemar, Note on the sampling error of the difference between correlated proportions,
    Psychometrika 1947; the exact, two-sided form.

    Args:
        first: whether the one is right, bool of shape (n,).
        second: likewise of the other.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    differing = only_first + only_second
    p = float(binomtest(only_first, differing).pvalue) if differing else 1.0
    return Comparison(only_first, only_second, p)
