"""Train the transfer model with its backbone unfrozen: PYTHONPATH=src python stages/finetune.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

import keras

from animals10 import outcome, parameters, resuming, tracking
from animals10.arrays import load_split
from animals10.finetuning import finetune
from animals10.seeding import seed_everything

SPLITS = Path("data/_stages/split")


def main() -> None:
    """Write models/finetuned.keras, plots/history/finetuned.csv and metrics/finetune.json."""
    params = parameters.load()
    train, validation = load_split(SPLITS / "train"), load_split(SPLITS / "validation")
    seed_everything(params.seed)
    with resuming.checkpoints("finetune") as states, tracking.stage_run("finetune") as record:
        model = keras.saving.load_model("models/frozen.keras", safe_mode=True)
        history, rounds = finetune(
            model,
            train,
            validation,
            params.finetune,
            params.augment,
            params.seed,
            states,
            callbacks=[tracking.epoch_logger(record)],
        )
        outcome.save("finetuned", "finetune", model, history, rounds)
        record.attempt(lambda: tracking.log_training(record, "finetune"))


if __name__ == "__main__":
    errors.run(main)
