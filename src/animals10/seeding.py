"""The same random numbers, and the same sums, in every run."""

import zlib

import numpy as np


def stream(purpose: str, seed: int, *numbers: int) -> np.random.Generator:
    """Return the random numbers of one purpose, which no other purpose of the same seed draws.

    Args:
        purpose: a word.
        seed: of the parameters.
        numbers: what tells streams of the same purpose apart, say epoch and batch.
    """
    # All of one length but for zeros at the end, which NumPy takes for nothing.
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *numbers])


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and the backend, and ask TensorFlow for deterministic kernels.

    What a user's keras.json says of numbers and of the order of axes is set aside: here pixels are
    float32, and channels last.
    """
    import keras  # here, since the stages that draw pictures do without

    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # Keras has no call of its own for this

        tf.config.experimental.enable_op_determinism()
