"""Train the transfer model with its backbone unfrozen: PYTHONPATH=src python stages/finetune.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

import keras

from animals10 import parameters
from animals10.models import networks
from animals10.tracking.record import stage_run
from animals10.training import checkpoint, execution, fitting
from animals10.training.batches import load_split
from animals10.training.finetuning import finetune

SPLITS = Path("data/_stages/split/transfer")


def main() -> None:
    """Write models/finetuned.keras and plots/history/finetuned.csv."""
    params = parameters.load()
    train, validation = load_split(SPLITS / "train"), load_split(SPLITS / "validation")
    execution.seed_everything(params.seed)
    with checkpoint.checkpoints("finetune") as states, stage_run("finetune") as epochs:
        model = keras.saving.load_model("models/frozen.keras", safe_mode=True)
        history = finetune(
            model, train, validation, params.finetune, params.augment, params.seed, states,
            params.acceleration, [epochs],
        )  # fmt: skip
        if params.finetune.average_flips:
            model = networks.average_flips(model)
        fitting.save("finetune", model, history)


if __name__ == "__main__":
    errors.run(main)
