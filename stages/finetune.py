"""Train the transfer model with its backbone unfrozen: PYTHONPATH=src python stages/finetune.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

import keras

from animals10 import outcome, parameters, resuming
from animals10.arrays import load_split
from animals10.finetuning import finetune
from animals10.seeding import seed_everything
from animals10.tracking.record import stage_run

SPLITS = Path("data/_stages/split")


def main() -> None:
    """Write models/finetuned.keras, plots/history/finetuned.csv and metrics/finetune.json."""
    params = parameters.load()
    train, validation = load_split(SPLITS / "train"), load_split(SPLITS / "validation")
    seed_everything(params.seed)
    with resuming.checkpoints("finetune") as states, stage_run("finetune") as epochs:
        model = keras.saving.load_model("models/frozen.keras", safe_mode=True)
        history, rounds = finetune(
            model,
            train,
            validation,
            params.finetune,
            params.augment,
            params.seed,
            states,
            callbacks=[epochs],
        )
        outcome.save("finetune", model, history, rounds)


if __name__ == "__main__":
    errors.run(main)
