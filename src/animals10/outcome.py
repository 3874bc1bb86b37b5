"""What every training stage leaves behind: a model, its history, its metrics."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from animals10 import artifacts

if TYPE_CHECKING:
    import keras

MODELS = {"train_cnn": "cnn", "train_frozen": "frozen", "finetune": "finetuned"}  # by stage


def best_epoch(history: pd.DataFrame) -> dict[str, float]:
    """Return the epoch with the lowest validation loss, the one whose weights are kept.

    Args:
        history: as `training.fit` returns it, which says whether its losses are weighted.

    Returns:
        epoch (from 1), loss, accuracy, val_loss, val_accuracy.
    """
    row = history.iloc[int(history["val_loss"].to_numpy().argmin())]
    metrics = {key: float(row[key]) for key in ("loss", "accuracy", "val_loss", "val_accuracy")}
    return {"epoch": int(row["epoch"]), **metrics}


def save(
    stage: str,
    model: "keras.Model",
    history: pd.DataFrame,
    rounds: dict[str, Any] | None = None,
) -> None:
    """Write a training's outputs.

    These are `models/<model>.keras` (without the optimizer), `plots/history/<model>.csv` and
    `metrics/<stage>.json`.

    Args:
        stage: a key of `MODELS`.
        model: the trained model of images.
        history: its epochs.
        rounds: metrics of parts of the training; those of the best epoch and the number of
            parameters are added.
    """
    name, model = MODELS[stage], plain(model)
    artifacts.write_model(Path(f"models/{name}.keras"), model)
    artifacts.write_csv(Path(f"plots/history/{name}.csv"), history)
    metrics = {"parameters": model.count_params(), **best_epoch(history), **(rounds or {})}
    artifacts.write_json(Path(f"metrics/{stage}.json"), metrics)


def plain(model: "keras.Model") -> "keras.Model":
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
