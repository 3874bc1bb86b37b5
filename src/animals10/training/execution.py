"""How models are run: by plain Keras, or accelerated where that is known to be faster.

The only place that imports `animals10.acceleration`. What runs accelerated gives the same results
but for rounding.
"""

import sys
from typing import Any, Literal

import keras
import numpy as np

from animals10.acceleration import datasets, fused
from animals10.parameters import Acceleration
from animals10.training.batches import Batches


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and the backend, and make TensorFlow use deterministic kernels.

    What a user's keras.json says of numbers and of the order of axes is set aside: here pixels are
    float32, and channels last.
    """
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # Keras has no call of its own for this

        tf.config.experimental.enable_op_determinism()


def is_accelerated(acceleration: Acceleration) -> bool:
    """Tell whether to accelerate: if wanted, with TensorFlow, on the CPU."""
    if acceleration == "off" or keras.backend.backend() != "tensorflow":
        return False
    return not keras.distribution.list_devices("gpu")


def training_copy(model: keras.Model, acceleration: Acceleration) -> keras.Model:
    """Make a model on the very same variables, so that training it trains the original.

    Args:
        model: functional or sequential, not compiled, as trainable as it will be trained.
        acceleration: the parameter.

    Returns:
        A model to compile and fit; the original stays uncompiled, and is saved without optimizer.
    """
    if is_accelerated(acceleration):
        return fused.fuse(model)
    return keras.Model(model.inputs, model.outputs)


def prediction_copy(model: keras.Model, acceleration: Acceleration) -> keras.Model:
    """Make a model that predicts what another does.

    Args:
        model: functional or sequential.
        acceleration: the parameter.
    """
    return fused.fuse(model, training=False) if is_accelerated(acceleration) else model


def predict(
    model: keras.Model, batches: Batches, acceleration: Acceleration, description: str = "predict"
) -> np.ndarray:
    """Predict once for each example.

    Args:
        model: as `prediction_copy` makes it.
        batches: unshuffled, for predictions in the order of the examples.
        acceleration: the parameter.
        description: what to print while it runs.

    Returns:
        float32 array, a row per example.
    """
    print(f"{description}: {len(batches.examples.labels):,} examples", flush=True)
    return model.predict(as_dataset(batches, acceleration), verbose=verbosity())


def as_dataset(batches: Batches, acceleration: Acceleration) -> Any:
    """Return batches in the form that `fit` draws from without delay."""
    return datasets.to_dataset(batches) if is_accelerated(acceleration) else batches


def set_precision(precision: Literal["float32", "bfloat16"]) -> None:
    """Choose how this process multiplies matrices and convolves; variables stay float32.

    Args:
        precision: bfloat16 has the range of float32 and 8 bits of its fraction. It needs
            TensorFlow, and is faster only where the CPU multiplies it (AVX-512 BF16, AMX).
    """
    if precision == "bfloat16":
        fused.compute_in_bfloat16()


def verbosity() -> int:
    """Return Keras's `verbose` for the current output: a bar on a terminal, else plain lines."""
    return 1 if sys.stdout.isatty() else 2
