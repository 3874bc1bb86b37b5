"""Draw the invented creatures: in pretrain/, PYTHONPATH=../src python stages/draw.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

from animals10 import parameters
from animals10.pretraining.drawing import draw_split
from animals10.pretraining.parameters import Pretraining


def main() -> None:
    """Write data/train and data/validation."""
    params = parameters.read(Path("params.yaml"), Pretraining)
    draw = params.draw
    for number, (split, count) in enumerate(
        {"train": draw.train, "validation": draw.validation}.items()
    ):
        folder = Path("data") / split
        draw_split(folder, number, draw.species, count, params.image_size, params.seed)


if __name__ == "__main__":
    errors.run(main)
