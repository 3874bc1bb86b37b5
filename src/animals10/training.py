"""Fitting a model: seeds, class weights, early stopping, history."""

import math
from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
from sklearn.utils.class_weight import compute_class_weight

from animals10.arrays import Batches, Examples, feed, verbosity
from animals10.errors import UserError
from animals10.parameters import Schedule, Training


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and the backend, and ask TensorFlow for deterministic kernels.

    With these, Keras also leaves XLA off on TensorFlow, where it makes convolutions on the CPU
    13 times slower.
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # Keras has no call of its own for this

        tf.config.experimental.enable_op_determinism()


def balanced_weights(labels: np.ndarray) -> dict[int, float]:
    """Weigh classes inversely to their frequency, as scikit-learn's `balanced` does.

    Args:
        labels: int64 class indices, shape (n,).

    Returns:
        Weight of each class index.
    """
    classes = np.unique(labels)
    weights = compute_class_weight("balanced", classes=classes, y=labels)
    return dict(zip(classes.tolist(), weights.tolist(), strict=True))


def learning_rate(settings: Schedule, progress: float) -> float:
    """Give the learning rate of an epoch.

    Args:
        settings: `lr`, the rate of the first epoch, and `schedule`: constant, or cosine, which
            falls to nearly 0 along half a wave (Loshchilov and Hutter, SGDR, ICLR 2017).
        progress: share of the epochs that are done, in [0, 1).

    Returns:
        A rate that depends on nothing else, whatever epochs came before.
    """
    if settings.schedule == "constant":
        return settings.lr
    return settings.lr * (1 + math.cos(math.pi * progress)) / 2


def compile_model(
    model: keras.Model,
    settings: Schedule,
    optimizer: str = "adam",
    loss: str = "sparse_categorical_crossentropy",
) -> None:
    """Give a model its optimizer, loss and metric.

    Args:
        model: changed in place.
        settings: of which the learning rate is taken.
        optimizer: name of a Keras optimizer.
        loss: name of a Keras loss of integer labels.
    """
    model.compile(
        optimizer=keras.optimizers.get(
            {"class_name": optimizer, "config": {"learning_rate": settings.lr}}
        ),
        loss=loss,
        metrics=["accuracy"],
    )


def reset_optimizer(model: keras.Model) -> None:
    """Make a model's optimizer forget all steps, as compiling anew would.

    Compiling anew also traces the training step anew: 15 seconds for EfficientNetB0 on 2 cores.

    Args:
        model: compiled; its optimizer is one of those whose state begins at zero.
    """
    for variable in model.optimizer.variables:
        if variable is not model.optimizer.learning_rate:
            variable.assign(keras.ops.zeros(variable.shape, variable.dtype))


def fit(
    model: keras.Model,
    train: Batches,
    validation: Examples,
    settings: Training,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> pd.DataFrame:
    """Train until the validation loss has not fallen for `patience` epochs; keep the best weights.

    Args:
        model: compiled; changed in place, ends with the weights of its best epoch.
        train: batches to learn from; its `epoch` says which epoch is the first.
        validation: examples that choose the epoch.
        settings: learning rate and its schedule, epochs, patience, class weights.
        callbacks: further Keras callbacks.

    Returns:
        A row per epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, lr. With class
        weights, loss is weighted and val_loss is not.

    Raises:
        UserError: the loss became infinite or no number.
    """
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=settings.patience, restore_best_weights=True
    )
    first, epochs = train.epoch, settings.epochs
    turn = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: train.begin(epoch))
    schedule = keras.callbacks.LearningRateScheduler(
        lambda epoch: learning_rate(settings, (epoch - first) / epochs)
    )
    weights = balanced_weights(train.examples.labels) if settings.class_weights else None
    history = model.fit(
        feed(train),
        validation_data=feed(Batches(validation, batch_size=64, shuffle=False)),
        initial_epoch=first,
        epochs=first + epochs,
        class_weight=weights,
        callbacks=[turn, schedule, stopping, keras.callbacks.TerminateOnNaN(), *callbacks],
        shuffle=False,  # of the batches, which are drawn at random already
        verbose=verbosity(),
    )
    table = pd.DataFrame(history.history)
    table.insert(0, "epoch", np.arange(len(table)) + first + 1)
    table = table.rename(columns={"learning_rate": "lr"})
    diverged = table[~np.isfinite(table[["loss", "val_loss"]].to_numpy(float)).all(axis=1)]
    if len(diverged):
        raise UserError(
            f"the training diverged in epoch {diverged['epoch'].iloc[0]} with lr = "
            f"{diverged['lr'].iloc[0]:g}: its loss is no longer a number; lower lr"
        )
    return table[["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr"]]
