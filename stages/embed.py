"""Compute the frozen backbone's features of all images: PYTHONPATH=src python stages/embed.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

from animals10 import artifacts, backbones, parameters, weights
from animals10.arrays import Batches, load_split, plain_and_views
from animals10.inference import Predictor
from animals10.seeding import seed_everything


def main() -> None:
    """Write models/backbone.keras and data/features/<split>.npy.

    The features of train have shape (1 + views, n, channels), the plain ones first; those of
    validation and test have shape (n, channels).
    """
    params = parameters.load()
    seed_everything(params.seed)
    backbone = backbones.build(
        params.backbone.name, params.image_size, weights.provided(Path("data/weights"))
    )
    artifacts.write_model(Path("models/backbone.keras"), backbone)
    predictor, size = Predictor(backbone), params.embed.batch_size
    train = load_split(Path("data/train"))
    views = plain_and_views(train, size, params.seed, params.augment, params.embed.views)
    predictor.write(Path("data/features/train.npy"), views, len(views), len(train.labels))
    for split in ("validation", "test"):
        examples = load_split(Path("data") / split)
        plain = Batches(examples, size, shuffle=False)
        predictor.write(Path(f"data/features/{split}.npy"), [plain], len(examples.labels))


if __name__ == "__main__":
    errors.run(main)
