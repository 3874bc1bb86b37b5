"""What every training stage leaves behind: a model, its history, its metrics."""

from pathlib import Path
from typing import Any

import keras
import pandas as pd

from animals10 import artifacts


def best_epoch(history: pd.DataFrame) -> dict[str, float]:
    """Return the epoch with the lowest validation loss, the one whose weights are kept.

    Args:
        history: as `training.fit` returns it.

    Returns:
        epoch (from 1), loss, accuracy, val_loss, val_accuracy.
    """
    row = history.iloc[int(history["val_loss"].to_numpy().argmin())]
    metrics = {key: float(row[key]) for key in ("loss", "accuracy", "val_loss", "val_accuracy")}
    return {"epoch": int(row["epoch"]), **metrics}


def save(
    name: str, stage: str, model: keras.Model, history: pd.DataFrame, metrics: dict[str, Any]
) -> None:
    """Write a training's outputs.

    These are `models/<name>.keras` (without the optimizer), `plots/history/<name>.csv` and
    `metrics/<stage>.json`.

    Args:
        name: cnn, frozen or finetuned.
        stage: the stage's name.
        model: the trained model of images.
        history: its epochs.
        metrics: the stage's metrics; the number of parameters is added.
    """
    model = plain(model)
    artifacts.write_model(Path(f"models/{name}.keras"), model)
    artifacts.write_csv(Path(f"plots/history/{name}.csv"), history)
    parameters = {"parameters": model.count_params(), **metrics}
    artifacts.write_json(Path(f"metrics/{stage}.json"), parameters)


def plain(model: keras.Model) -> keras.Model:
    """Copy a model without its optimizer, which Keras would save, and build anew when it loads.

    Args:
        model: functional; models inside it are not compiled.

    Returns:
        A model with the same layers and weights.
    """
    # By configuration, since Keras's clone_model would compile the copy too.
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy
