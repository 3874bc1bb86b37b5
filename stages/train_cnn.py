"""Train the scratch CNN: PYTHONPATH=src python stages/train_cnn.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
from pathlib import Path

from animals10 import parameters
from animals10.models import networks
from animals10.tracking.record import stage_run
from animals10.training import checkpoint, execution, fitting
from animals10.training.batches import Batches, load_split

SPLITS = Path("data/_stages/split/cnn")


def main() -> None:
    """Write models/cnn.keras and plots/history/cnn.csv."""
    params = parameters.load()
    settings, acceleration = params.train_cnn, params.acceleration
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    train, validation = load_split(SPLITS / "train"), load_split(SPLITS / "validation")
    execution.seed_everything(params.seed)
    execution.set_precision(settings.precision)
    with checkpoint.checkpoints("train_cnn") as states, stage_run("train_cnn") as epochs:
        model = networks.cnn(params.image_size, len(classes), settings)
        copy = execution.training_copy(model, acceleration)
        augment = params.augment.select(settings.augment)
        batches = Batches(train, settings.batch_size, params.seed, augment)
        fitting.compile_model(copy, settings, len(batches))
        history = fitting.fit(copy, batches, validation, settings, states, acceleration, [epochs])
        fitting.save("train_cnn", model, history)


if __name__ == "__main__":
    errors.run(main)
