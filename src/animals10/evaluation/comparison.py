"""The comparison of the models: what is computed of each, and the files that hold it."""

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from animals10 import files
from animals10.evaluation import baselines, curves, metrics, predictions, statistics, tables
from animals10.evaluation.metrics import Predictions
from animals10.evaluation.predictions import BySplit
from animals10.parameters import Acceleration
from animals10.training import execution, features
from animals10.training.batches import Batches, Examples, load_split


class Evaluation(NamedTuple):
    """A model's predictions by split, and what follows from them; see `evaluate`."""

    predictions: BySplit
    scores: dict[str, Any]
    report: dict[str, Any]


class Baselines(NamedTuple):
    """What simple classifiers predict and score, by classifier and split."""

    predictions: dict[str, dict[str, np.ndarray]]
    scores: dict[str, Any]


def open_splits(folder: Path) -> dict[str, dict[str, Examples]]:
    """Open validation and test of both networks' sizes.

    Args:
        folder: data/_stages/split.

    Returns:
        Examples by network and split.
    """
    return {
        network: {split: load_split(folder / network / split) for split in predictions.SPLITS}
        for network in dict.fromkeys(files.NETWORKS.values())
    }


def read_photos(folder: Path) -> pd.DataFrame:
    """Read splits.csv, and tell which photos have no near-duplicate in another split.

    Args:
        folder: data/_stages/split.

    Returns:
        The columns of splits.csv, as text, and bool `unique`.
    """
    photos, duplicates = (
        pd.read_csv(folder / name, dtype=str, keep_default_na=False)
        for name in ("splits.csv", "duplicates.csv")
    )
    return photos.assign(unique=~photos["path"].isin(duplicates["path"]))


def evaluate(
    name: str,
    splits: dict[str, Examples],
    classes: list[str],
    photos: pd.DataFrame,
    acceleration: Acceleration,
) -> Evaluation:
    """Predict all splits once by a model.

    Args:
        name: cnn, frozen or finetuned; its file is models/<name>.keras.
        splits: validation and test.
        classes: names in the order of the labels.
        photos: as `read_photos` returns them.
        acceleration: the parameter.

    Returns:
        Predictions; metrics and the bounds of accuracy by split, where some test photos are not
        unique also of `test_without_duplicates`; and a report: the number of parameters, and
        figures by class on each split.
    """
    model = keras.saving.load_model(f"models/{name}.keras", safe_mode=True)
    copy = execution.prediction_copy(model, acceleration)
    predicted = {}
    for split, examples in splits.items():
        batches = Batches(examples, batch_size=64, shuffle=False)
        probabilities = execution.predict(copy, batches, acceleration, f"{name} on {split}")
        predicted[split] = Predictions(probabilities, examples.labels)
    groups = _groups(photos)
    scores = {split: _scores(each, groups[split]) for split, each in predicted.items()}
    unique = photos["unique"][photos["split"] == "test"].to_numpy()
    if unique.any() and not unique.all():
        rest = predicted["test"].select(unique)
        scores["test_without_duplicates"] = _scores(rest, groups["test"][unique])
    report = {split: metrics.report(each, classes) for split, each in predicted.items()}
    return Evaluation(predicted, scores, {"parameters": model.count_params(), **report})


def _scores(predicted: Predictions, groups: np.ndarray) -> dict[str, float]:
    return metrics.scores(predicted) | statistics.bounds(predicted.right, groups)


def compare_baselines(
    folder: Path,
    test: Examples,
    photos: pd.DataFrame,
    batch_size: int,
    acceleration: Acceleration,
) -> Baselines:
    """Evaluate simple classifiers on the frozen backbone's features.

    Args:
        folder: data/_stages/embed.
        test: images, whose features no earlier stage computed.
        photos: as `read_photos` returns them.
        batch_size: images at once.
        acceleration: the parameter.
    """
    backbone = keras.saving.load_model(folder / "backbone.keras", safe_mode=True)
    computed = features.compute(backbone, test, batch_size, acceleration)
    splits = {
        "validation": features.load(folder, "validation"),
        "test": Examples(computed[0], test.labels),
    }
    predicted = baselines.predict(features.load(folder, "train", augmented=False), splits)
    return Baselines(predicted, baselines.scores(predicted, splits, _groups(photos)))


def _groups(photos: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the group of each photo, by split."""
    return {str(split): rows["group"].to_numpy() for split, rows in photos.groupby("split")}


def write(
    models: dict[str, Evaluation], simple: Baselines, splits: pd.DataFrame, classes: list[str]
) -> str:
    """Write all that the stage leaves: `metrics`, `plots`, and the predictions.

    metrics/accuracy.json alone is a DVC metric; all figures are in evaluate.json, report.json and
    baselines.json. In plots/confusion, <model>.csv has a row per test photo, <model>_pairs.csv a
    row per pair of classes.

    Args:
        models: by name.
        simple: the baselines.
        splits: content of splits.csv.
        classes: names in the order of the labels.

    Returns:
        The comparison as a table.
    """
    scores = {name: each.scores for name, each in models.items()}
    reports = {name: each.report for name, each in models.items()}
    folder = Path("metrics")
    files.write_json(folder / "baselines.json", simple.scores)
    files.write_json(folder / "accuracy.json", tables.accuracies(scores))
    files.write_json(folder / "evaluate.json", scores)
    files.write_json(folder / "report.json", reports)
    predicted = {name: each.predictions for name, each in models.items()}
    table = predictions.tabulate(splits, predicted, simple.predictions, classes)
    predictions.write(files.STAGES / "evaluate", table, predicted)
    _write_plots({name: each["test"] for name, each in predicted.items()}, scores, classes)
    return tables.comparison(scores, reports, simple.scores)


def _write_plots(test: dict[str, Predictions], scores: dict[str, Any], classes: list[str]) -> None:
    folder = Path("plots")
    for name, predicted in test.items():
        table = metrics.confusions(predicted, classes)
        files.write_csv(folder / f"confusion/{name}.csv", table)
        files.write_csv(folder / f"confusion/{name}_pairs.csv", metrics.confused_pairs(table))
    curves.write(test, tables.best(scores), classes, folder)
