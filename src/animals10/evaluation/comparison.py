"""The comparison of the models: what is computed of each, and the files that hold it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from animals10 import files
from animals10.evaluation import baselines, metrics, tables
from animals10.evaluation.metrics import Predictions
from animals10.parameters import Acceleration
from animals10.training import execution, features
from animals10.training.batches import Batches, Examples


def evaluate(
    name: str,
    splits: dict[str, Examples],
    classes: list[str],
    unique: np.ndarray,
    acceleration: Acceleration,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Predict all splits once by a model, and write its confusions on test.

    Writes the probabilities into data/_stages/evaluate, plots/confusion/<name>.csv, a row per
    photo, and <name>_pairs.csv, a row per pair of classes.

    Args:
        name: cnn, frozen or finetuned; its file is models/<name>.keras.
        splits: validation and test.
        classes: names in the order of the labels.
        unique: bool of shape (test photos,), False for those with a near-duplicate elsewhere.
        acceleration: the parameter.

    Returns:
        Metrics by split, where some test photos are not unique also of `test_without_duplicates`;
        and a report: the number of parameters, and figures by class on each split.
    """
    model = keras.saving.load_model(f"models/{name}.keras", safe_mode=True)
    copy = execution.prediction_copy(model, acceleration)
    predictions = {}
    for split, examples in splits.items():
        batches = Batches(examples, batch_size=64, shuffle=False)
        probabilities = execution.predict(copy, batches, acceleration, f"{name} on {split}")
        files.write_array(files.PROBABILITIES / f"{name}_{split}.npy", probabilities)
        predictions[split] = Predictions(probabilities, examples.labels)
    _write_confusions(name, predictions["test"], classes)
    scores = {split: metrics.scores(each) for split, each in predictions.items()}
    if unique.any() and not unique.all():
        scores["test_without_duplicates"] = metrics.scores(predictions["test"].select(unique))
    report = {split: metrics.report(each, classes) for split, each in predictions.items()}
    return scores, {"parameters": model.count_params(), **report}


def _write_confusions(name: str, predictions: Predictions, classes: list[str]) -> None:
    table = metrics.confusions(predictions, classes)
    files.write_csv(Path(f"plots/confusion/{name}.csv"), table)
    files.write_csv(Path(f"plots/confusion/{name}_pairs.csv"), metrics.confused_pairs(table))


def compare_baselines(
    folder: Path, test: Examples, batch_size: int, acceleration: Acceleration
) -> dict[str, Any]:
    """Evaluate simple classifiers on the frozen backbone's features.

    Args:
        folder: data/_stages/embed.
        test: images, whose features no earlier stage computed.
        batch_size: images at once.
        acceleration: the parameter.

    Returns:
        As `baselines.evaluate`.
    """
    backbone = keras.saving.load_model(folder / "backbone.keras", safe_mode=True)
    computed = features.compute(backbone, test, batch_size, acceleration)
    splits = {
        "validation": features.load(folder, "validation"),
        "test": Examples(computed[0], test.labels),
    }
    return baselines.evaluate(features.load(folder, "train", augmented=False), splits)


def write(scores: dict[str, Any], reports: dict[str, Any], simple: dict[str, Any]) -> None:
    """Write metrics/accuracy.json, which alone is a DVC metric, and all figures beside it.

    These are in evaluate.json, report.json and baselines.json.

    Args:
        scores: by model, as `evaluate` returns them.
        reports: likewise.
        simple: of the baselines, as `compare_baselines` returns them.
    """
    files.write_json(Path("metrics/baselines.json"), simple)
    files.write_json(Path("metrics/accuracy.json"), tables.accuracies(scores))
    files.write_json(Path("metrics/evaluate.json"), scores)
    files.write_json(Path("metrics/report.json"), reports)
