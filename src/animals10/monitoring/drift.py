"""Whether logged predictions are still as those of the validation photos."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.stats import MonteCarloMethod, chi2_contingency, ks_2samp

from animals10.monitoring.observation import NUMBERS, Observations
from animals10.monitoring.reference import Reference

LEVEL = 0.01  # the chance that any test finds a difference where there is none
FEWEST = 50  # predictions; fewer show only what anyone sees
_RESAMPLES = 4999  # p is 0.0002 at least: 20 times that is below the level
_FEATURES = "features"
# What a change may come from.
_LOOK = {
    "class": "whether there are more such photos now, or other photos that are taken for them",
    "probability": "the photos with the lowest probabilities, which may show something new",
    "brightness": "light and exposure",
    "sharpness": "focus, motion, a dirty lens, and how files are compressed or resized",
    _FEATURES: "what the photos show and how they are made: subject, camera, colours, style",
}


class Change(NamedTuple):
    """How one thing that a log holds differs from validation.

    `before` and `now` are medians, or the fractions of the class that grew most; `moved` says it in
    words. `p` is the chance, 0..1, of so large a difference in any of the tests without drift.
    """

    measure: str
    before: str
    now: str
    moved: str
    p: float


def compare(reference: Reference, logged: Observations, classes: list[str]) -> list[Change]:
    """Test whether a log holds what validation photos would have given.

    Numbers are compared by Kolmogorov and Smirnov's test of two samples, classes by a chi-square
    test whose p-value is simulated, since classes may be rare. Source of the adjusted p-values:
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 1979.

    Args:
        reference: of the model.
        logged: at least one prediction.
        classes: names in the order of the model's probabilities.

    Returns:
        class, probability, brightness, sharpness, and a change for each number of the projection,
        which are all called features.
    """
    before = reference.numbers()
    measures = [*NUMBERS, *[_FEATURES] * (before.shape[1] - len(NUMBERS))]
    pairs = list(zip(before.T, logged.numbers.T, strict=True))
    counts = np.stack([reference.counts, np.bincount(logged.predicted, minlength=len(classes))])
    p = holm([_class_p(counts), *(ks_2samp(*pair, method="asymp").pvalue for pair in pairs)])
    changes = [
        Change(measure, *_medians(measure, *pair), adjusted)
        for measure, pair, adjusted in zip(measures, pairs, p[1:], strict=True)
    ]
    return [Change("class", *_growth(counts, classes), p[0]), *changes]


def _class_p(counts: np.ndarray) -> float:
    occurring = counts[:, counts.any(axis=0)]
    simulated = MonteCarloMethod(_RESAMPLES, batch=500, rng=np.random.default_rng(0))
    return float(chi2_contingency(occurring, correction=False, method=simulated).pvalue)


def holm(p: list[float]) -> list[float]:
    """Adjust p-values so that the chance of any below a level, without drift, is that level."""
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(np.array(p)[order] * np.arange(len(p), 0, -1))
    return [float(value) for value in np.minimum(adjusted, 1)[np.argsort(order)]]


def _growth(counts: np.ndarray, classes: list[str]) -> tuple[str, str, str]:
    before, now = counts / counts.sum(axis=1, keepdims=True)
    most = int((now - before).argmax())
    name = classes[most]
    return (
        f"{name} {before[most]:.3f}",
        f"{name} {now[most]:.3f}",
        f"{name} is predicted more often",
    )


def _medians(measure: str, before: np.ndarray, now: np.ndarray) -> tuple[str, str, str]:
    first, second = float(np.median(before)), float(np.median(now))
    verb = "rose" if second > first else "fell" if second < first else "spreads differently"
    moved = f"{measure} {'differ' if measure == _FEATURES else verb}"
    return f"{first:.4g}", f"{second:.4g}", moved


def worries(changes: list[Change]) -> list[Change]:
    """Return the changes that are drift, one of the features' at most, the surest first."""
    found: dict[str, Change] = {}
    for change in sorted(changes, key=lambda change: change.p):
        if change.p <= LEVEL:
            found.setdefault(change.measure, change)
    return list(found.values())


def report(changes: list[Change], of: str) -> Iterator[str]:
    """Yield a table with the surest change of each measure, and what it means, as lines.

    Args:
        changes: as `compare` returns them.
        of: says which predictions these are.
    """
    shown: dict[str, Change] = {}
    for change in changes:
        shown[change.measure] = min(change, shown.get(change.measure, change), key=lambda c: c.p)
    width = max(len(text) for change in shown.values() for text in (change.before, change.now))
    width = max(width, len("validation"))
    yield f"{'measure':11}  {'validation':{width}}  {'log':{width}}  adjusted p"
    for change in shown.values():
        p = "< 0.001" if change.p < 0.001 else f"{change.p:.3f}"
        mark = "  drift" if change.p <= LEVEL else ""
        yield f"{change.measure:11}  {change.before:{width}}  {change.now:{width}}  {p:>10}{mark}"
    yield _sentence(worries(changes), of)


def _sentence(found: list[Change], of: str) -> str:
    if not found:
        return f"no sign of drift in {of}"
    reasons = ", ".join(change.moved for change in found)
    places = "; ".join(_LOOK[change.measure] for change in found)
    return f"worry: {of} are unlike those of validation, because {reasons}; look at {places}"
