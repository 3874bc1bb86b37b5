"""Training a backbone to tell invented species apart; it may be stopped and taken up again."""

from pathlib import Path

import keras
import pandas as pd

from animals10 import backbones
from animals10.arrays import Batches, Examples
from animals10.parameters import Augment
from animals10.pretraining.parameters import Train
from animals10.training import compile_model, fit


def pretrain(
    backbone: str,
    train: Examples,
    validation: Examples,
    settings: Train,
    augment: Augment,
    seed: int,
    folder: Path,
) -> tuple[keras.Model, pd.DataFrame]:
    """Train a backbone and a classifier from random weights, or from the last epoch kept.

    Args:
        backbone: its name.
        train: uint8 images and species.
        validation: likewise; chooses the epoch.
        settings: of the training, and the dropout before the classifier.
        augment: bounds of the training images' random views.
        seed: of order and views.
        folder: for the states of this training; see `resuming.checkpoints`.

    Returns:
        The trained model, whose layer `backbone` is the backbone, and its history, as
        `training.fit` gives it.
    """
    species = int(train.labels.max()) + 1
    model = keras.Sequential(
        [
            backbones.build(backbone, train.inputs.shape[1]),
            keras.layers.Dropout(settings.dropout),
            keras.layers.Dense(species, activation="softmax"),
        ]
    )
    compile_model(model, settings)
    batches = Batches(train, settings.batch_size, seed, augment)
    return model, fit(model, batches, validation, settings, folder)
