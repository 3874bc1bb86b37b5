"""(a) The study's way: ImageDataGenerator decodes and augments every image in every epoch.

PYTHONPATH=src python benchmarks/notebooks/generator.py <folder> <weights> <epochs>

Its known bugs are fixed: 0..255 for every network, augmentation of the training images alone,
labels and predictions of one pass, batch normalization fixed while fine-tuning.
"""

import sys
from typing import Any

import networks
import work
from tensorflow.keras.preprocessing.image import ImageDataGenerator

AUGMENT = networks.PARAMS.augment


def feeds(folder: str, size: int) -> tuple[Any, Any]:
    """Return the training and validation images, size x size pixels, as generators."""
    augmented = ImageDataGenerator(
        rotation_range=AUGMENT.rotation,
        width_shift_range=AUGMENT.shift,
        height_shift_range=AUGMENT.shift,
        shear_range=AUGMENT.shear,
        zoom_range=AUGMENT.zoom,
        horizontal_flip=AUGMENT.flip,
    )
    common = {"target_size": (size, size), "class_mode": "sparse"}
    train, validation = f"{folder}/train", f"{folder}/validation"
    return (
        augmented.flow_from_directory(train, batch_size=networks.BATCH, seed=1, **common),
        ImageDataGenerator().flow_from_directory(
            validation, batch_size=networks.VALIDATION_BATCH, shuffle=False, **common
        ),
    )


if __name__ == "__main__":
    work.main(feeds, *sys.argv[1:])
