"""Train the transfer model with its backbone unfrozen: PYTHONPATH=src python stages/finetune.py."""

from pathlib import Path

import keras

from animals10 import errors, outcome, parameters, tracking
from animals10.arrays import load_split
from animals10.finetuning import finetune
from animals10.training import seed_everything


def main() -> None:
    """Write models/finetuned.keras, plots/history/finetuned.csv and metrics/finetune.json."""
    params = parameters.load()
    train, validation = load_split(Path("data/train")), load_split(Path("data/validation"))
    seed_everything(params.seed)
    with tracking.stage_run("finetune", params):
        model = keras.saving.load_model("models/frozen.keras", safe_mode=True)
        history, rounds = finetune(
            model,
            train,
            validation,
            params.finetune,
            params.augment,
            params.seed,
            callbacks=[tracking.epoch_logger()],
        )
        outcome.save("finetuned", "finetune", model, history, rounds, train.inputs[:2])


if __name__ == "__main__":
    errors.run(main)
