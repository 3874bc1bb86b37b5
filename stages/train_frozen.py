"""Train the head on the frozen features: PYTHONPATH=src python stages/train_frozen.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
from pathlib import Path

import keras
import numpy as np

from animals10 import models, outcome, parameters, resuming
from animals10.acceleration import leave_undivided
from animals10.arrays import Batches, Examples
from animals10.seeding import seed_everything
from animals10.tracking.record import stage_run
from animals10.training import compile_model, fit

SPLITS, FEATURES = Path("data/_stages/split"), Path("data/_stages/embed")


def main() -> None:
    """Write models/frozen.keras, plots/history/frozen.csv and metrics/train_frozen.json."""
    params = parameters.load()
    settings = params.train_frozen
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    views, labels = _load("train")
    validation = Examples(*_load("validation"))
    train = Examples(views.reshape(-1, views.shape[-1]), np.tile(labels, len(views)))
    leave_undivided()
    seed_everything(params.seed)
    with resuming.checkpoints("train_frozen") as states, stage_run("train_frozen") as epochs:
        backbone = keras.saving.load_model(FEATURES / "backbone.keras", safe_mode=True)
        head = models.head(views.shape[-1], len(classes), settings.dense, settings.dropout)
        # A step takes less than Keras's loop around it.
        compile_model(head, settings, steps_per_execution=128)
        history = fit(
            head,
            Batches(train, settings.batch_size, params.seed),
            validation,
            settings,
            states,
            callbacks=[epochs],
        )
        model = models.join(backbone, outcome.plain(head))
        outcome.save("train_frozen", model, history)


def _load(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Map a split's features, and read its labels."""
    features = np.load(FEATURES / f"{split}.npy", mmap_mode="r", allow_pickle=False)
    return features, np.load(SPLITS / split / "labels.npy", allow_pickle=False)


if __name__ == "__main__":
    errors.run(main)
