"""The table of predictions: every validation and test photo, and what was predicted for it."""

from pathlib import Path

import numpy as np
import pandas as pd

from animals10 import files
from animals10.errors import UserError
from animals10.evaluation.metrics import Predictions

SPLITS = ("validation", "test")
_PROBABILITY = "_probability"
BySplit = dict[str, Predictions]  # validation and test


def tabulate(
    splits: pd.DataFrame,
    models: dict[str, BySplit],
    simple: dict[str, dict[str, np.ndarray]],
    classes: list[str],
) -> pd.DataFrame:
    """Put the photos beside their predictions, validation first.

    Args:
        splits: columns path, label, split and group; the photos of a split in its examples' order.
        models: predictions by model.
        simple: predicted class indices by baseline and split, shape (n,).
        classes: names in the order of the labels.

    Returns:
        Columns path, label, split, group, and for each model its name, with the predicted class,
        and its name with `_probability`, with that class's; for each baseline its name.

    Raises:
        UserError: the photos are not those of the predictions.
    """
    rows = [splits[splits["split"] == split] for split in SPLITS]
    table = pd.concat(rows, ignore_index=True)[["path", "label", "split", "group"]]
    names = np.array(classes, object)
    for model, of_split in models.items():
        probabilities = stacked(of_split)
        labels = names[np.concatenate([of_split[split].labels for split in SPLITS])]
        if labels.tolist() != table["label"].tolist():
            raise UserError("splits.csv is not of the decoded photos; run `dvc repro`")
        table[model] = names[probabilities.argmax(axis=1)]
        table[model + _PROBABILITY] = probabilities.max(axis=1)
    for baseline, predicted in simple.items():
        table[baseline] = names[np.concatenate([predicted[split] for split in SPLITS])]
    return table


def stacked(predictions: BySplit) -> np.ndarray:
    """Return the probabilities of validation and test, in the table's order of rows."""
    return np.concatenate([predictions[split].probabilities for split in SPLITS])


def write(folder: Path, table: pd.DataFrame, models: dict[str, BySplit]) -> None:
    """Write predictions.csv, and probabilities/<model>.npy: of all classes, row by row as there.

    Args:
        folder: data/_stages/evaluate.
        table: as `tabulate` returns it.
        models: predictions by model.
    """
    files.write_csv(folder / "predictions.csv", table)
    for model, predictions in models.items():
        files.write_array(folder / "probabilities" / f"{model}.npy", stacked(predictions))


def read(path: Path) -> pd.DataFrame:
    """Read what `write` wrote: probabilities as float64, all else as text."""
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    numbers = [name for name in table.columns if name.endswith(_PROBABILITY)]
    return table.astype(dict.fromkeys(numbers, "float64"))


def read_probabilities(folder: Path, model: str) -> dict[str, np.ndarray]:
    """Read a model's probabilities, as `write` wrote them.

    Args:
        folder: data/_stages/evaluate.
        model: its name.

    Returns:
        By split, float32 of shape (n, classes), in the order of the split's examples.
    """
    split = read(folder / "predictions.csv")["split"].to_numpy()
    probabilities = np.load(folder / "probabilities" / f"{model}.npy", allow_pickle=False)
    return {name: probabilities[split == name] for name in SPLITS}


def confidence(table: pd.DataFrame, model: str) -> np.ndarray:
    """Return the probability of a model's predicted classes, float64 of shape (n,)."""
    return table[model + _PROBABILITY].to_numpy()
