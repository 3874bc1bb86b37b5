"""The most confident mistakes, and what each model looked at."""

import base64
import io
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from PIL import Image

from animals10 import files
from animals10.evaluation import predictions
from animals10.reporting import heatmaps
from animals10.training.batches import load_split

_SHOWN = 12
_SIDE = 160  # pixels of a picture on the page


def pick(test: pd.DataFrame, model: str) -> np.ndarray:
    """Return the rows of a model's most confident mistakes, at most 12, the most confident first.

    Of near-duplicates only one is taken. A model without mistakes has its least
    sure predictions here, the least sure first.

    Args:
        test: the table of predictions, of test photos alone.
        model: its name.
    """
    confidence = predictions.confidence(test, model)
    wrong = np.flatnonzero((test[model] != test["label"]).to_numpy())
    if len(wrong):
        order = wrong[np.argsort(-confidence[wrong], kind="stable")]
    else:
        order = np.argsort(confidence, kind="stable")
    _, first = np.unique(test["group"].to_numpy()[order], return_index=True)
    return order[np.sort(first)][:_SHOWN]


def illustrate(
    rows: np.ndarray, test: pd.DataFrame, classes: list[str], splits: Path
) -> list[dict[str, Any]]:
    """Draw photos and, for each model, the heat map of the class that it predicts.

    Args:
        rows: of `test`, as `pick` returns them.
        test: the table of predictions, of test photos alone.
        classes: names in the order of the labels.
        splits: data/_stages/split.

    Returns:
        Of each row: path, label, photo, and looks: for each model its name, prediction,
        probability, map, and regions, the number of its rows. Pictures are addresses that hold
        the picture.
    """
    shown = test.iloc[rows]
    images = {
        network: load_split(splits / network / "test").inputs[rows]
        for network in dict.fromkeys(files.NETWORKS.values())
    }
    maps = {
        name: _maps(name, images[network], shown[name].map(classes.index).to_numpy())
        for name, network in files.NETWORKS.items()
    }
    found = []
    for number, (_, row) in enumerate(shown.iterrows()):
        looks = [
            {
                "model": name,
                "prediction": row[name],
                "probability": predictions.confidence(shown, name)[number],
                "regions": maps[name].shape[1],
                "map": picture(heatmaps.overlay(images[network][number], maps[name][number])),
            }
            for name, network in files.NETWORKS.items()
        ]
        photo = picture(images["transfer"][number])
        found.append({"path": row["path"], "label": row["label"], "photo": photo, "looks": looks})
    return found


def _maps(name: str, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    model = keras.saving.load_model(Path("models") / f"{name}.keras", safe_mode=True)
    return heatmaps.draw(model, images, labels)


def picture(image: np.ndarray) -> str:
    """Return uint8 RGB of shape (size, size, 3) as a small JPEG within its own address."""
    buffer = io.BytesIO()
    small = Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    small.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
