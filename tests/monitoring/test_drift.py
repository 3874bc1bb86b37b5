"""How often drift is seen where there is none, and where there is some."""

from typing import Any

import numpy as np
import pytest

from animals10.monitoring import drift
from animals10.monitoring.observation import Observations
from animals10.monitoring.reference import Reference

CLASSES = [f"class {number}" for number in range(10)]
MEASURES = ["class", "probability", "brightness", "sharpness", *["features"] * 6]


def observations(
    count: int, rng: np.random.Generator, column: int = 0, shift: float = 0, odds: float = 1
) -> Observations:
    """Make observations with a number that is shifted, in its spread, and a class of other odds."""
    weights = np.ones(len(CLASSES))
    weights[3] = odds
    numbers = rng.normal(size=(count, 9))
    numbers[:, column] += shift
    numbers[:, 0] = 1 / (1 + np.exp(-numbers[:, 0]))  # a probability
    predicted = rng.choice(len(CLASSES), count, p=weights / weights.sum())
    return Observations(predicted, numbers)


def found(reference: Reference, logged: Observations) -> set[str]:
    changes = drift.compare(reference, logged, CLASSES)
    assert [change.measure for change in changes] == MEASURES
    return {change.measure for change in drift.worries(changes)}


def test_false_alarms_are_as_rare_as_promised() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(60):
        reference = Reference.of(observations(500, rng), len(CLASSES))
        alarms += bool(found(reference, observations(200, rng)))
    assert alarms <= 4  # 0.6 in the mean; as many happen by chance once in 2,000 such tests


@pytest.mark.parametrize(
    ("changed", "measure"),
    [
        ({"odds": 3}, "class"),
        ({"column": 0, "shift": -0.7}, "probability"),
        ({"column": 1, "shift": 0.7}, "brightness"),
        ({"column": 2, "shift": -0.7}, "sharpness"),
        ({"column": 8, "shift": 0.7}, "features"),
    ],
)
def test_each_kind_of_drift_is_seen(changed: dict[str, Any], measure: str) -> None:
    rng = np.random.default_rng(1)
    reference = Reference.of(observations(1000, rng), len(CLASSES))
    logs = [found(reference, observations(300, rng, **changed)) for _ in range(20)]
    assert sum(measure in log for log in logs) >= 19
    assert sum(len(log - {measure}) for log in logs) <= 2


def test_a_thousand_classes_of_which_most_are_not_predicted() -> None:
    rng = np.random.default_rng(2)
    names = [str(number) for number in range(1000)]
    numbers = rng.normal(size=(3000, 4))
    reference = Reference.of(Observations(rng.integers(0, 900, 3000), numbers), len(names))
    usual = rng.integers(0, 900, 300)
    new = np.where(rng.random(300) < 0.1, 999, usual)
    for predicted, drifted in ((usual, False), (new, True)):
        (change, *_) = drift.compare(reference, Observations(predicted, numbers[:300]), names)
        assert (change.p <= drift.LEVEL) == drifted
    assert change.moved == "999 is predicted more often"


def test_a_model_that_predicts_one_class_alone_is_no_error() -> None:
    rng = np.random.default_rng(4)
    observed = observations(200, rng)._replace(predicted=np.full(200, 2))
    assert found(Reference.of(observed, len(CLASSES)), observed) == set()


def test_holms_adjustment_is_that_of_the_literature() -> None:
    # The example of R's help page of p.adjust, by hand: 0.01 * 4, 0.02 * 3, 0.03 * 2, 0.5.
    assert drift.holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert drift.holm([0.6, 0.7]) == [1, 1]


def test_the_report_says_whether_to_worry_and_why() -> None:
    rng = np.random.default_rng(3)
    reference = Reference.of(observations(1000, rng), len(CLASSES))
    usual = drift.compare(reference, observations(300, rng), CLASSES)
    *table, sentence = drift.report(usual, "300 predictions of cnn")
    assert [line.split()[0] for line in table] == ["measure", *dict.fromkeys(MEASURES)]
    assert sentence == "no sign of drift in 300 predictions of cnn"
    blurred = drift.compare(reference, observations(300, rng, 2, -1, odds=4), CLASSES)
    *table, sentence = drift.report(blurred, "300 predictions of cnn")
    assert [line.split()[0] for line in table if line.endswith("  drift")] == ["class", "sharpness"]
    assert table[1].split()[:6] == ["class", *table[1].split()[1:4], "class", "3"]
    assert sentence.startswith("worry: 300 predictions of cnn are unlike those of validation, ")
    assert "because " in sentence
    assert "sharpness fell" in sentence
    assert "class 3 is predicted more often" in sentence
    assert "; look at " in sentence
