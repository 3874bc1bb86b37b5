"""Train the head on the frozen features: PYTHONPATH=src python stages/train_frozen.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
from pathlib import Path

import keras

from animals10 import parameters
from animals10.models import networks
from animals10.tracking.record import stage_run
from animals10.training import checkpoint, execution, features, fitting
from animals10.training.batches import Batches

FEATURES = Path("data/_stages/embed")


def main() -> None:
    """Write models/frozen.keras and plots/history/frozen.csv."""
    params = parameters.load()
    settings, acceleration = params.train_frozen, params.acceleration
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    train, validation = features.load(FEATURES, "train"), features.load(FEATURES, "validation")
    execution.seed_everything(params.seed)
    with checkpoint.checkpoints("train_frozen") as states, stage_run("train_frozen") as epochs:
        backbone = keras.saving.load_model(FEATURES / "backbone.keras", safe_mode=True)
        channels = train.inputs.shape[-1]
        head = networks.head(
            channels, len(classes), settings.dense, settings.dropout, settings.feature_length
        )
        copy = execution.training_copy(head, acceleration)
        batches = Batches(train, settings.batch_size, params.seed)
        # A step of so small a model takes less than Keras's loop around it.
        fitting.compile_model(copy, settings, len(batches), steps_per_execution=32)
        history = fitting.fit(copy, batches, validation, settings, states, acceleration, [epochs])
        fitting.save("train_frozen", networks.attach_head(backbone, head), history)


if __name__ == "__main__":
    errors.run(main)
