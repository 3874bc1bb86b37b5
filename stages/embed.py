"""Compute the frozen backbone's features of all images: PYTHONPATH=src python stages/embed.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

from animals10 import artifacts, backbones, parameters, weights
from animals10.arrays import Batches, load_split, plain_and_views
from animals10.inference import Predictor
from animals10.seeding import seed_everything

WEIGHTS, SPLITS = Path("data/_stages/fetch/weights"), Path("data/_stages/split")
FEATURES = Path("data/_stages/embed")


def main() -> None:
    """Write backbone.keras, train.npy and validation.npy into data/_stages/embed.

    The features of train have shape (1 + views, n, channels), the plain ones first; those of
    validation have shape (n, channels).
    """
    params = parameters.load()
    seed_everything(params.seed)
    backbone = backbones.build(params.backbone.name, params.image_size, weights.provided(WEIGHTS))
    artifacts.write_model(FEATURES / "backbone.keras", backbone)
    predictor, size = Predictor(backbone), params.embed.batch_size
    train = load_split(SPLITS / "train")
    views = plain_and_views(train, size, params.seed, params.augment, params.embed.views)
    predictor.write(FEATURES / "train.npy", views, len(views), len(train.labels))
    validation = load_split(SPLITS / "validation")
    plain = Batches(validation, size, shuffle=False)
    predictor.write(FEATURES / "validation.npy", [plain], len(validation.labels))


if __name__ == "__main__":
    errors.run(main)
