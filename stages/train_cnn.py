"""Train the scratch CNN: PYTHONPATH=src python stages/train_cnn.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
from pathlib import Path

from animals10 import models, outcome, parameters, resuming
from animals10.acceleration import accelerate, set_precision
from animals10.arrays import Batches, load_split
from animals10.seeding import seed_everything
from animals10.tracking.record import stage_run
from animals10.training import compile_model, fit

SPLITS = Path("data/_stages/split")


def main() -> None:
    """Write models/cnn.keras, plots/history/cnn.csv and metrics/train_cnn.json."""
    params = parameters.load()
    settings = params.train_cnn
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    train, validation = load_split(SPLITS / "train"), load_split(SPLITS / "validation")
    seed_everything(params.seed)
    set_precision(settings.precision)
    with resuming.checkpoints("train_cnn") as states, stage_run("train_cnn") as epochs:
        model = models.cnn(params.image_size, len(classes), settings)
        twin = accelerate(model)
        compile_model(twin, settings, settings.optimizer, settings.loss)
        history = fit(
            twin,
            Batches(
                train, settings.batch_size, params.seed, params.augment.select(settings.augment)
            ),
            validation,
            settings,
            states,
            callbacks=[epochs],
        )
        outcome.save("train_cnn", model, history)


if __name__ == "__main__":
    errors.run(main)
