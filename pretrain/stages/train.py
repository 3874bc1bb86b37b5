"""Pre-train the backbone: in pretrain/, PYTHONPATH=../src python stages/train.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

from animals10 import artifacts, parameters, resuming
from animals10.arrays import load_split
from animals10.pretraining.parameters import Pretraining
from animals10.pretraining.training import pretrain
from animals10.seeding import seed_everything


def main() -> None:
    """Write models/classifier.keras and history.csv."""
    params = parameters.read(Path("params.yaml"), Pretraining)
    train, validation = load_split(Path("data/train")), load_split(Path("data/validation"))
    seed_everything(params.seed)
    with resuming.checkpoints("train") as states:
        model, history = pretrain(
            params.backbone,
            train,
            validation,
            params.train,
            params.augment,
            params.seed,
            states,
        )
        model.optimizer = None  # of no use from here on
        artifacts.write_model(Path("models/classifier.keras"), model)
        artifacts.write_csv(Path("history.csv"), history)


if __name__ == "__main__":
    errors.run(main)
