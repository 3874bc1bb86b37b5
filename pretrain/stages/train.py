"""Pre-train the backbone: in pretrain/, PYTHONPATH=../src python stages/train.py."""

from pathlib import Path

from animals10 import artifacts, errors, parameters
from animals10.arrays import load_split
from animals10.pretraining.parameters import Pretraining
from animals10.pretraining.training import pretrain
from animals10.training import seed_everything


def main() -> None:
    """Write models/classifier.keras and history.csv."""
    params = parameters.read(Path("params.yaml"), Pretraining)
    train, validation = load_split(Path("data/train")), load_split(Path("data/validation"))
    seed_everything(params.seed)
    model, history = pretrain(
        params.backbone,
        train,
        validation,
        params.train,
        params.augment,
        params.seed,
        Path("checkpoints"),
    )
    model.optimizer = None  # of no use from here on
    artifacts.write_model(Path("models/classifier.keras"), model)
    artifacts.write_csv(Path("history.csv"), history)


if __name__ == "__main__":
    errors.run(main)
