"""The same random numbers, and the same sums, in every run."""

import keras


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and the backend, and ask TensorFlow for deterministic kernels."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # Keras has no call of its own for this

        tf.config.experimental.enable_op_determinism()
