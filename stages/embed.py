"""Compute the frozen backbone's features: PYTHONPATH=src python stages/embed.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
from pathlib import Path

from animals10 import files, parameters
from animals10.models import backbones, weights
from animals10.training import execution, features
from animals10.training.batches import load_split

FETCHED, SPLITS = Path("data/_stages/fetch"), Path("data/_stages/split/transfer")
OUT = Path("data/_stages/embed")


def main() -> None:
    """Write backbone.keras and the features of train and validation into data/_stages/embed."""
    params = parameters.load()
    execution.seed_everything(params.seed)
    splits = {split: load_split(SPLITS / split) for split in ("train", "validation")}
    side = splits["train"].inputs.shape[1]
    name = json.loads((FETCHED / "backbone.json").read_text(encoding="utf-8"))["name"]
    backbone = backbones.build(name, side, weights.provided(FETCHED / "weights"))
    files.write_model(OUT / "backbone.keras", backbone)
    for split, examples in splits.items():
        copies = params.embed.augmented_copies if split == "train" else 0
        computed = features.compute(
            backbone, examples, params.embed.batch_size, params.acceleration,
            params.augment, copies, params.seed,
        )  # fmt: skip
        files.write_array(OUT / f"{split}.npy", computed)
        files.write_array(OUT / f"{split}_labels.npy", examples.labels)


if __name__ == "__main__":
    errors.run(main)
