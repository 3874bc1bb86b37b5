"""Calibration, thresholds, precision and recall, by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reporting.drawn import make_predictions

from animals10.evaluation import curves
from animals10.evaluation.metrics import Predictions, calibration_error


def test_calibration_by_hand() -> None:
    confidence = np.array([0.91, 0.92, 0.5, 1.0])
    table = curves.calibration(confidence, np.array([True, False, True, True]))
    assert table["photos"].tolist() == [1, 2, 1]
    assert table["accuracy"].tolist() == [1, 0.5, 1]
    assert table["confidence"].tolist() == pytest.approx([0.5, 0.915, 1])


def test_the_curve_has_the_calibration_error() -> None:
    predictions = make_predictions(5, 300, 2, 1)
    probabilities, labels = predictions.probabilities, predictions.labels
    right = probabilities.argmax(axis=1) == labels
    table = curves.calibration(probabilities.max(axis=1), right)
    gaps = (table["confidence"] - table["accuracy"]).abs() * table["photos"]
    assert gaps.sum() / 300 == pytest.approx(calibration_error(probabilities, labels), abs=1e-6)


def test_thresholds_by_hand() -> None:
    confidence, right = np.array([0.4, 0.6, 0.8]), np.array([False, True, True])
    table = curves.thresholds(confidence, right, np.array([0, 0.5, 0.7, 0.9]))
    assert table["threshold"].tolist() == [0, 0.5, 0.7]
    assert table["accuracy"].tolist() == pytest.approx([2 / 3, 1, 1])
    assert table["coverage"].tolist() == pytest.approx([1, 2 / 3, 1 / 3])


def test_precision_and_recall_by_hand() -> None:
    # Of class 0, the second of three by probability is wrong.
    first = np.array([0.9, 0.8, 0.7, 0.1])
    predictions = Predictions(np.stack([first, 1 - first], axis=1), np.array([0, 1, 0, 1]))
    table = curves.precision_recall(predictions, ["a", "b", "none of these"])
    own = table[table["class"] == "a"].set_index(table["recall"].round(2)[:21])["precision"]
    assert set(table["class"]) == {"a", "b"}
    assert own[0.5] == 1
    assert own[0.55] == pytest.approx(2 / 3)
    assert own[1.0] == pytest.approx(2 / 3)


def test_of_many_classes_the_hardest_are_drawn() -> None:
    easy = make_predictions(40, 400, 9, 1)
    hard = easy.labels < 3
    probabilities = easy.probabilities.copy()
    probabilities[hard] = 1 / 40
    table = curves.precision_recall(
        Predictions(probabilities, easy.labels), [f"{n:02}" for n in range(40)]
    )
    assert table["class"].nunique() == 25
    assert {"00", "01", "02"} <= set(table["class"])


def test_files_are_tables_of_all_models(tmp_path: Path) -> None:
    models = {name: make_predictions(4, 80, 2, seed) for seed, name in enumerate(("a", "b"))}
    curves.write(models, "b", list("wxyz"), tmp_path)
    for name, columns in (
        ("calibration", ["confidence", "accuracy", "photos", "model"]),
        ("threshold", ["threshold", "accuracy", "coverage", "model"]),
    ):
        table = pd.read_csv(tmp_path / f"{name}.csv")
        assert list(table) == columns
        assert table["model"].unique().tolist() == ["a", "b"]
    table = pd.read_csv(tmp_path / "precision_recall.csv")
    assert list(table) == ["class", "recall", "precision", "model"]
    assert set(table["model"]) == {"b"}
