"""What a training step costs, and what drawing batches adds: python benchmarks/steps.py.

Every training takes turns with its bare step on one batch in memory, on noise, as arithmetic does
not look at values; batches are drawn from a mapped file and weighted as stages do it, images in
views of all kinds, which cost most (`train_cnn.augment=all`).
What is around an epoch (validation, checkpoint, MLflow) is not part of it. Prints rows of a
Markdown table. With the argument head that training is measured, whose process computes on one core
an operation, with bfloat16 the CNN in that, else the others. KERAS_BACKEND=jax measures another
backend, or an accelerator.
"""

import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from animals10 import backbones, errors, models, parameters
from animals10.acceleration import accelerate, leave_undivided, set_precision
from animals10.arrays import Batches, Examples, feed
from animals10.inference import Predictor
from animals10.parameters import Augment, Training
from animals10.seeding import seed_everything
from animals10.training import balanced_weights, compile_model

PARAMS = parameters.load(Path(__file__).resolve().parents[1] / "params.yaml")
SIZE, BATCH, CLASSES, ROUNDS = PARAMS.image_size, 32, 10, 5
STEPS = 64  # measured at once
PHOTOS = 16_857  # of Animals-10 for training, since it is large arrays that leave memory
EXECUTION = 128  # steps of the head, as its stage has them
FEATURES = 12 * EXECUTION * BATCH  # an epoch of it: about all these photos in three views


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Alternation(keras.callbacks.Callback):
    """Takes the seconds of a baseline before each epoch, and those of the epoch.

    Attributes:
        turns: seconds of both, for each epoch.
    """

    def __init__(self, baseline: Callable[[], object]) -> None:
        super().__init__()
        self.baseline = baseline
        self.turns: list[tuple[float, float]] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Do the baseline, and start."""
        self.baseline_seconds = seconds(self.baseline)
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Stop."""
        self.turns.append((self.baseline_seconds, time.perf_counter() - self.begun))


def operations(model: keras.Model, learns: bool) -> float:
    """Return the multiplications and additions of a model's answer to one image.

    A layer that learns takes twice as many more, for the gradients of its inputs and of its kernel.
    """
    total = 0.0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += operations(layer, learns)
        elif hasattr(layer, "kernel"):
            done = 2 * math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
            total += 3 * done if learns and layer.trainable else done
    return total


def ceiling(side: int = 4096) -> float:
    """Return the machine's best rate of a float32 matrix product, in operations a second."""
    matrix = keras.ops.convert_to_tensor(np.random.default_rng(0).random((side, side), "float32"))

    def multiply() -> float:
        return float(keras.ops.matmul(matrix, matrix)[0, 0])

    multiply()
    return 2 * side**3 / min(seconds(multiply) for _ in range(ROUNDS))


def bare_steps(model: keras.Model, batches: Batches) -> Callable[[], None]:
    """Return what trains on the first batch, in memory, as often as there are batches."""
    batch = tuple(keras.ops.convert_to_tensor(array) for array in batches[0])
    if keras.backend.backend() != "tensorflow":

        def by_batch() -> None:
            for _ in range(len(batches)):
                told = model.train_on_batch(*batch)
            float(told[0])

        return by_batch
    import tensorflow as tf

    repeated = iter(tf.data.Dataset.from_tensors(batch).repeat())
    train = model.make_train_function()

    def by_function() -> None:
        for _ in range(len(batches) // model.steps_per_execution):
            told = train(repeated)
        float(told["loss"])

    return by_function


def take_turns(model: keras.Model, batches: Batches, rounds: int) -> list[tuple[float, float]]:
    """Train on one batch in memory and on batches as they are drawn; return seconds of both."""
    drawn, count = feed(batches), len(batches)
    # First as drawn, so that the bare step is of the same trace: one of a known size is faster.
    model.fit(drawn, steps_per_epoch=count, shuffle=False, verbose=0)
    alternation = Alternation(bare_steps(model, batches))
    model.fit(
        drawn,
        epochs=1 + rounds,  # of which the first, which is slower, is left out
        steps_per_epoch=count,
        shuffle=False,
        verbose=0,
        callbacks=[alternation],
    )
    return alternation.turns[1:]


def measure(
    name: str,
    model: keras.Model,
    examples: Examples,
    settings: Training,
    augment: Augment | None,
    steps: int = STEPS,
    execution: int = 1,
    rounds: int = ROUNDS,
) -> tuple[str, float]:
    """Compare a training with its bare step, both of `steps` batches.

    Returns:
        The first cells of a row, and the operations a second of the bare step.
    """
    batches = Batches(examples, BATCH, augment=augment)
    batches.order = batches.order[: steps * BATCH]
    if settings.class_weights:
        batches.class_weights = balanced_weights(examples.labels)
    twin = accelerate(model)
    compile_model(twin, settings, steps_per_execution=execution)
    turns = take_turns(twin, batches, rounds)
    count = steps * BATCH
    fast, slow = (count / statistics.median(column) for column in zip(*turns, strict=True))
    shares = [one / other for one, other in turns]
    share = f"{statistics.median(shares):.0%} ({min(shares):.0%} to {max(shares):.0%})"
    cells = f"| {name} | {fast:,.0f} | {slow:,.0f} | {share} |"
    return cells, operations(model, learns=True) * fast


def show(cells: str, rate: float) -> None:
    """Print a row, with a rate of operations and its share of a float32 matrix product's."""
    print(f"{cells} {rate / 1e9:,.0f} | {rate / ceiling():.0%} |", flush=True)


def measure_features(backbone: keras.Model, images: Examples) -> tuple[str, float]:
    """Ask the frozen backbone about images; return as `measure` does."""
    predictor, count = Predictor(backbone), STEPS * BATCH
    batches = Batches(images, PARAMS.embed.batch_size, shuffle=False)
    batches.order = batches.order[:count]
    predictor.predict(batches)
    taken = [seconds(lambda: predictor.predict(batches)) for _ in range(ROUNDS)]
    rate = count / statistics.median(taken)
    return f"| features | | {rate:,.0f} | |", operations(backbone, learns=False) * rate


def mapped(path: Path, array: np.ndarray) -> np.ndarray:
    """Write an array; return it mapped from disk, as stages have it."""
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def main() -> None:
    """Measure what is asked for and print it."""
    if "head" in sys.argv[1:]:
        cells, rate = measure_head()
        print(f"{cells} {rate / 1e9:,.0f} | |")  # no share: here a product would have one core
        return
    seed_everything(0)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, PHOTOS)
    cnn = models.cnn(SIZE, CLASSES, PARAMS.train_cnn)
    with tempfile.TemporaryDirectory() as name:
        pixels = rng.integers(0, 256, (PHOTOS, SIZE, SIZE, 3), np.uint8)
        images = Examples(mapped(Path(name) / "images.npy", pixels), labels)
        if "bfloat16" in sys.argv[1:]:
            set_precision("bfloat16")
            show(*measure("CNN, bfloat16", cnn, images, PARAMS.train_cnn, PARAMS.augment))
            return
        print(f"float32 matrix product: {ceiling() / 1e9:,.0f} GFLOP/s; {keras.backend.backend()}")
        show(*measure("CNN", cnn, images, PARAMS.train_cnn, PARAMS.augment))
        backbone = backbones.build("EfficientNetB0", SIZE)
        show(*measure_features(backbone, images))
        measure_finetuning(backbone, images, Path(name))


def measure_head(width: int = 1280) -> tuple[str, float]:
    """Train the head on features, as its stage does; return as `measure` does."""
    leave_undivided()
    seed_everything(0)
    rng = np.random.default_rng(0)
    settings = PARAMS.train_frozen
    features = rng.standard_normal((FEATURES, width), np.float32)
    labels = rng.integers(0, CLASSES, FEATURES)
    head = models.head(width, CLASSES, settings.dense, settings.dropout)
    with tempfile.TemporaryDirectory() as name:
        answers = Examples(mapped(Path(name) / "features.npy", features), labels)
        steps = FEATURES // BATCH
        return measure("head", head, answers, settings, None, steps, EXECUTION, rounds=25)


def measure_finetuning(backbone: keras.Model, images: Examples, folder: Path) -> None:
    """Print what it costs to train all, upper blocks, and these on answers of the lower ones.

    To get the answers costs less than the frozen backbone's features, once for each view.
    """
    head = models.head(backbone.output_shape[-1], CLASSES, 128, 0.5)
    model, settings = models.join(backbone, head), PARAMS.finetune
    for first in ("all", "block6a", "block7a"):
        backbones.unfreeze(backbone, first)
        name = f"fine-tuning, {first}"
        show(*measure(name, model, images, settings, PARAMS.augment))
        if first == "all":
            continue
        _, upper = backbones.cut(backbone)
        shape = (PHOTOS, *upper.input_shape[1:])
        rows = np.random.default_rng(0).standard_normal(shape, np.float32)
        answers = Examples(mapped(folder / f"{first}.npy", rows), images.labels)
        upper = models.join(upper, head)
        show(*measure(f"{name}, on answers", upper, answers, settings, None))


if __name__ == "__main__":
    errors.run(main)
