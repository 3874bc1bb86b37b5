"""Train the head on the frozen features: PYTHONPATH=src python stages/train_frozen.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
from pathlib import Path

import keras
import numpy as np

from animals10 import models, outcome, parameters, resuming, tracking
from animals10.acceleration import leave_undivided
from animals10.arrays import Batches, Examples, load_split
from animals10.seeding import seed_everything
from animals10.training import compile_model, fit

SPLITS, FEATURES = Path("data/_stages/split"), Path("data/_stages/embed")


def main() -> None:
    """Write models/frozen.keras, plots/history/frozen.csv and metrics/train_frozen.json."""
    params = parameters.load()
    settings = params.train_frozen
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    images, validation = load_split(SPLITS / "train"), load_split(SPLITS / "validation")
    views = np.load(FEATURES / "train.npy", mmap_mode="r", allow_pickle=False)
    features = np.load(FEATURES / "validation.npy", mmap_mode="r", allow_pickle=False)
    train = Examples(views.reshape(-1, views.shape[-1]), np.tile(images.labels, len(views)))
    leave_undivided()
    seed_everything(params.seed)
    with (
        resuming.checkpoints("train_frozen") as states,
        tracking.stage_run("train_frozen") as record,
    ):
        backbone = keras.saving.load_model(FEATURES / "backbone.keras", safe_mode=True)
        head = models.head(views.shape[-1], len(classes), settings.dense, settings.dropout)
        # A step takes less than Keras's loop around it.
        compile_model(head, settings, steps_per_execution=128)
        history = fit(
            head,
            Batches(train, settings.batch_size, params.seed),
            Examples(features, validation.labels),
            settings,
            states,
            callbacks=[tracking.epoch_logger(record)],
        )
        model, metrics = models.join(backbone, outcome.plain(head)), outcome.best_epoch(history)
        outcome.save("frozen", "train_frozen", model, history, metrics)
        record.attempt(lambda: tracking.log_training(record, "train_frozen"))


if __name__ == "__main__":
    errors.run(main)
