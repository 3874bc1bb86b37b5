"""What a training step costs, and what drawing batches adds: python benchmarks/steps.py.

Every training takes turns with its bare step on one batch in memory, on noise, as arithmetic does
not look at values. Prints rows of a Markdown table. KERAS_BACKEND=jax measures another backend,
or an accelerator; with the argument bfloat16 the CNN computes in that.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from animals10 import backbones, errors, models, parameters
from animals10.acceleration import accelerate, set_precision
from animals10.arrays import Batches, Examples, feed
from animals10.inference import Predictor
from animals10.seeding import seed_everything
from animals10.training import compile_model

PARAMS = parameters.load(Path(__file__).resolve().parents[1] / "params.yaml")
SIZE, BATCH, CLASSES, STEPS, ROUNDS = PARAMS.image_size, 32, 10, 40, 5


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def operations(model: keras.Model) -> float:
    """Return the multiplications and additions that a model's answer to one image takes."""
    total = 0.0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += operations(layer)
        elif hasattr(layer, "kernel"):
            total += 2 * math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
    return total


def ceiling(side: int = 4096) -> float:
    """Return the machine's rate of a float32 matrix product, in operations a second."""
    matrix = keras.ops.convert_to_tensor(np.random.default_rng(0).random((side, side), "float32"))

    def multiply() -> float:
        return float(keras.ops.matmul(matrix, matrix)[0, 0])

    multiply()
    return 2 * side**3 / min(seconds(multiply) for _ in range(ROUNDS))


def measure(name: str, model: keras.Model, examples: Examples, peak: float) -> str:
    """Train in turns on batches as they are drawn, and on one in memory; return a row."""
    batches = Batches(examples, BATCH, augment=PARAMS.augment)
    inputs, labels = (keras.ops.convert_to_tensor(array) for array in batches[0])
    twin = accelerate(model)
    compile_model(twin, PARAMS.finetune)

    def bare() -> None:
        for _ in range(STEPS):
            loss, _ = twin.train_on_batch(inputs, labels)
        float(loss)

    def whole() -> None:
        twin.fit(feed(batches), verbose=0)

    bare()
    whole()
    turns = [(seconds(bare), seconds(whole)) for _ in range(ROUNDS)]
    fast, slow = (STEPS * BATCH / statistics.median(column) for column in zip(*turns, strict=True))
    shares = [one / other for one, other in turns]
    share = f"{statistics.median(shares):.0%} ({min(shares):.0%} to {max(shares):.0%})"
    done = 3 * operations(model) * fast
    return (
        f"| {name} | {fast:,.0f} | {slow:,.0f} | {share} | {done / 1e9:,.0f} | {done / peak:.0%} |"
    )


def main() -> None:
    """Measure what is asked for and print it."""
    seed_everything(0)
    rng = np.random.default_rng(0)
    count = STEPS * BATCH
    labels = rng.integers(0, CLASSES, count)
    images = Examples(rng.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8), labels)
    peak = ceiling()
    cnn = models.cnn(SIZE, CLASSES, PARAMS.train_cnn)
    if "bfloat16" in sys.argv[1:]:
        set_precision("bfloat16")
        print(measure("CNN, bfloat16", cnn, images, peak))
        return
    print(f"float32 matrix product: {peak / 1e9:,.0f} GFLOP/s; {keras.backend.backend()}")
    print(measure("CNN", cnn, images, peak), flush=True)
    backbone = backbones.build("EfficientNetB0", SIZE)
    predictor = Predictor(backbone)
    rates = [count / seconds(lambda: predictor.predict(Batches(images, 64))) for _ in range(3)]
    done = operations(backbone) * statistics.median(rates[1:])
    print(
        f"| features | | {statistics.median(rates[1:]):,.0f} | | {done / 1e9:,.0f} "
        f"| {done / peak:.0%} |",
        flush=True,
    )
    head = models.head(backbone.output_shape[-1], CLASSES, 128, 0.5)
    model = models.join(backbone, head)
    backbones.unfreeze(backbone, "all")
    print(measure("fine-tuning", model, images, peak), flush=True)


if __name__ == "__main__":
    errors.run(main)
