"""(b) Today's way: image_dataset_from_directory, cached, prefetched, Keras's augmentation layers.

PYTHONPATH=src python benchmarks/notebooks/dataset.py <folder> <weights> <epochs>
"""

import sys
from typing import Any

import keras
import networks
import tensorflow as tf
import work
from keras import layers

AUGMENT = networks.PARAMS.augment


def feeds(folder: str) -> tuple[Any, Any]:
    """Return the training and validation images as datasets."""
    augment = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(AUGMENT.rotation / 360),
            layers.RandomTranslation(AUGMENT.shift, AUGMENT.shift),
            layers.RandomZoom(AUGMENT.zoom),
            layers.RandomShear(AUGMENT.shear / 90, AUGMENT.shear / 90),
        ]
    )
    common = {
        "image_size": (networks.SIZE, networks.SIZE),
        "batch_size": networks.BATCH,
    }
    train = keras.utils.image_dataset_from_directory(f"{folder}/train", seed=1, **common)
    validation = keras.utils.image_dataset_from_directory(
        f"{folder}/validation", shuffle=False, **common
    )
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
