"""What `acceleration: auto` gains over plain Keras: python benchmarks/acceleration.py.

Steps of 32 images on one batch of noise in memory, plain and accelerated in turn, the fastest of
several; 5 minutes on 2 cores. Writes benchmarks/acceleration.md.
"""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from animals10 import files, parameters
from animals10.models import backbones, networks
from animals10.parameters import Acceleration
from animals10.tracking import provenance
from animals10.training import execution
from animals10.training.execution import seed_everything

BATCH, TURNS, STEPS = 32, 4, 3
SIZES = {"EfficientNetLite0": 128, "EfficientNetLite2": 260, "EfficientNetB0": 224}
MODES: tuple[Acceleration, ...] = ("off", "auto")
HEAD = f"""# What acceleration gains

By `python benchmarks/acceleration.py`: images a second in batches of {BATCH}.

| work | plain Keras | accelerated | ratio |
|---|--:|--:|--:|
"""


def cnn() -> keras.Model:
    """Build the default scratch CNN."""
    return networks.cnn(128, 10, parameters.load().train_cnn)


def transfer(name: str) -> keras.Model:
    """Build a transfer model that is unfrozen from its first layer on."""
    backbone = backbones.build(name, SIZES[name])
    backbones.unfreeze(backbone, "all")
    return networks.attach_head(backbone, networks.head(backbone.output_shape[-1], 10, 128, 0.5))


def training_step(model: keras.Model, mode: Acceleration) -> Callable[[], object]:
    """Return a step of training on a batch of noise."""
    copy = execution.training_copy(model, mode)
    copy.compile("adam", "sparse_categorical_crossentropy")
    images, labels = noise(model), keras.ops.convert_to_tensor(np.arange(BATCH) % 10)
    return lambda: copy.train_on_batch(images, labels)


def prediction_step(model: keras.Model, mode: Acceleration) -> Callable[[], object]:
    """Return a step of prediction on a batch of noise."""
    copy, images = execution.prediction_copy(model, mode), noise(model)
    return lambda: copy.predict_on_batch(images)


def noise(model: keras.Model) -> object:
    """Return a batch of images in memory."""
    shape = (BATCH, *model.input_shape[1:])
    return keras.ops.convert_to_tensor(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def rates(steps: dict[Acceleration, Callable[[], object]]) -> dict[Acceleration, float]:
    """Return the images a second of each step, measured in turns after one to warm up."""
    seconds = dict.fromkeys(steps, float("inf"))
    for turn in range(TURNS):
        for mode, step in steps.items():
            for _ in range(STEPS):
                start = time.perf_counter()
                step()
                if turn:
                    seconds[mode] = min(seconds[mode], time.perf_counter() - start)
    return {mode: BATCH / least for mode, least in seconds.items()}


def main() -> None:
    """Measure, and write the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    seed_everything(1)
    works: dict[str, Callable[[Acceleration], Callable[[], object]]] = {
        "CNN, 128 px, training": lambda mode: training_step(cnn(), mode)
    }
    for name, size in SIZES.items():
        works[f"{name}, {size} px, fine-tuning"] = lambda mode, name=name: training_step(  # type: ignore[misc]
            transfer(name), mode
        )
        works[f"{name}, {size} px, features"] = lambda mode, name=name: prediction_step(  # type: ignore[misc]
            backbones.build(name, SIZES[name]), mode
        )
    rows = []
    for work, make in works.items():
        found = rates({mode: make(mode) for mode in MODES})
        ratio = found["auto"] / found["off"]
        rows.append(f"| {work} | {found['off']:.0f} | {found['auto']:.0f} | {ratio:.2f} |\n")
        print(rows[-1], end="", flush=True)
    facts = provenance.surroundings()
    with files.replacing(Path("benchmarks/acceleration.md")) as temporary:
        text = HEAD + "".join(rows) + f"\nOn {facts['machine']}; {facts['versions']}.\n"
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    errors.run(main)
