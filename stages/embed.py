"""Compute the frozen backbone's features of all images: PYTHONPATH=src python stages/embed.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from itertools import chain
from pathlib import Path

from animals10 import artifacts, backbones, parameters, weights
from animals10.arrays import Batches, load_split
from animals10.inference import Predictor
from animals10.parameters import Augment, Parameters
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
    predictor = Predictor(backbone)
    _embed(predictor, "train", params, (None, *[params.augment] * params.embed.views))
    for split in ("validation", "test"):
        _embed(predictor, split, params)


def _embed(
    predictor: Predictor,
    split: str,
    params: Parameters,
    augments: tuple[Augment | None, ...] = (),
) -> None:
    """Write the features of a split's images, or of several views of each."""
    examples, size = load_split(Path("data") / split), params.embed.batch_size
    views = [
        Batches(examples, size, params.seed, augment, max(view - 1, 0), shuffle=False)
        for view, augment in enumerate(augments or (None,))
    ]
    shape = (len(examples.labels), predictor.model.output_shape[-1])
    artifacts.write_rows(
        Path(f"data/features/{split}.npy"),
        (len(views), *shape) if augments else shape,
        chain.from_iterable(predictor.answers(batches) for batches in views),
    )


if __name__ == "__main__":
    errors.run(main)
