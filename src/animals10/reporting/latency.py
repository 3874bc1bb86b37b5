"""How long one prediction takes on this machine."""

import time
from pathlib import Path
from statistics import median

import keras
import numpy as np

_WARM_UP, _REPEATS = 3, 20


def milliseconds(path: Path) -> float:
    """Measure the median time of a model's prediction of one image, once it is loaded and warm.

    Args:
        path: of a `.keras` file.
    """
    model = keras.saving.load_model(path, safe_mode=True)
    image = np.full((1, *model.input_shape[1:]), 128, np.uint8)
    times = []
    for _ in range(_WARM_UP + _REPEATS):
        start = time.perf_counter()
        model.predict_on_batch(image)
        times.append(1000 * (time.perf_counter() - start))
    return median(times[_WARM_UP:])
