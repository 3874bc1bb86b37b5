"""(b) Today's way: image_dataset_from_directory, cached, prefetched, Keras's augmentation layers.

PYTHONPATH=src python benchmarks/notebooks/dataset.py <folder> <weights> <epochs>
"""

import math
import sys
from functools import partial
from typing import Any

import keras
import networks
import tensorflow as tf
import work
from keras import layers

AUGMENT = networks.PARAMS.augment


def feeds(folder: str, size: int) -> tuple[Any, Any]:
    """Return the training and validation images, size x size pixels, as datasets."""
    shear = math.tan(math.radians(AUGMENT.shear))
    augment = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(AUGMENT.rotation / 360),
            layers.RandomTranslation(AUGMENT.shift, AUGMENT.shift),
            layers.RandomZoom(AUGMENT.zoom),
            layers.RandomShear(shear, 0.0),  # about a corner, as Keras has it
        ]
    )
    read = partial(keras.utils.image_dataset_from_directory, image_size=(size, size))
    train = read(f"{folder}/train", batch_size=networks.BATCH, seed=1)
    validation = read(f"{folder}/validation", batch_size=networks.VALIDATION_BATCH, shuffle=False)
    # As Keras's own guides have it: batches, which the cache has fixed, in a new order each epoch.
    augmented = (
        train.cache()
        .shuffle(1000)
        .map(
            lambda images, labels: (augment(images, training=True), labels),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    )
    return augmented.prefetch(tf.data.AUTOTUNE), validation.cache().prefetch(tf.data.AUTOTUNE)


if __name__ == "__main__":
    work.main(feeds, *sys.argv[1:])
