"""Making the trained backbone small enough to travel with the code."""

from pathlib import Path

import keras
import numpy as np

from animals10 import artifacts, backbones


def write_half(path: Path, name: str, backbone: keras.Model) -> None:
    """Write a backbone's weights as float16; Keras's `load_weights` reads them as any others.

    Args:
        path: ends in `.weights.h5`.
        name: as for `backbones.build`.
        backbone: as `backbones.build` gives it.

    Raises:
        OverflowError: a weight is beyond float16's range.
    """
    keras.config.set_dtype_policy("float16")
    try:
        half = backbones.build(name, backbone.input_shape[1])
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(backbone.get_weights())
    if not all(np.isfinite(values).all() for values in half.get_weights()):
        raise OverflowError(f"the weights of {name} do not fit float16")
    artifacts.write_weights(path, half)
