"""Batches as a `tf.data.Dataset` that draws ahead and never holds up the end of an epoch."""

from typing import Any

import keras


def to_dataset(batches: keras.utils.PyDataset) -> Any:
    """Wrap batches.

    Keras would wrap them too, but with a thread that tunes itself and holds up the end of short
    epochs: it sleeps for 10 ms, 20 ms and so on, up to a minute (TensorFlow 2.21, model.cc,
    OptimizeLoop). And it draws each epoch's first batch before the epoch begins.

    Args:
        batches: of numpy arrays; read at the time of drawing.

    Returns:
        A `tf.data.Dataset` of their arrays, of known length.
    """
    import tensorflow as tf

    specs = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in batches[0]]

    def draw(index: Any) -> tuple[Any, ...]:
        arrays = tf.numpy_function(batches.__getitem__, [index], [spec.dtype for spec in specs])
        shaped = zip(arrays, specs, strict=True)
        return tuple(tf.ensure_shape(array, spec.shape) for array, spec in shaped)

    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.range(len(batches)).map(draw)
    return dataset.prefetch(2).with_options(options)
