"""The network of both notebooks: the pipeline's own, so that only the way of feeding differs.

As params.yaml in the current folder has them.
"""

from pathlib import Path

import keras
from keras import layers

from animals10 import parameters
from animals10.models import backbones

PARAMS = parameters.load()
SIZE = PARAMS.backbone_size
BATCH = PARAMS.train_frozen.batch_size
VALIDATION_BATCH = 64  # as `training.fitting` has it


def frozen(classes: int, weights: Path) -> keras.Model:
    """Return the compiled head on a frozen backbone, joined as Keras's guide writes it."""
    base = backbones.build("EfficientNetB0", SIZE, weights)
    base.trainable = False
    inputs = keras.Input((SIZE, SIZE, 3))
    x = base(inputs, training=False)
    x = layers.Dense(PARAMS.train_frozen.dense, activation="relu")(x)
    x = layers.Dropout(PARAMS.train_frozen.dropout)(x)
    outputs = layers.Dense(classes, activation="softmax")(x)
    return _compiled(keras.Model(inputs, outputs), PARAMS.train_frozen.lr)


def unfreeze(model: keras.Model) -> None:
    """Prepare a frozen model for fine-tuning, its batch normalization fixed."""
    backbones.unfreeze(model.get_layer("backbone"), "all")
    _compiled(model, PARAMS.finetune.lr)


def _compiled(model: keras.Model, rate: float) -> keras.Model:
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model
