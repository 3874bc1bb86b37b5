"""Fitting a model: class weights, schedules, early stopping, history."""

import math
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.utils.class_weight import compute_class_weight

from animals10.arrays import Batches, Examples, feed, verbosity
from animals10.errors import UserError
from animals10.parameters import Schedule, Training
from animals10.resuming import Checkpoint, EarlyStopping


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """Weigh classes inversely to their frequency, as scikit-learn's `balanced` does.

    Args:
        labels: int64 class indices, shape (n,); each class that there is occurs.

    Returns:
        float32 weights, by class index.
    """
    weights = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    return weights.astype(np.float32)


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
    steps_per_execution: int = 1,
) -> None:
    """Give a model its optimizer, loss and metric.

    Args:
        model: changed in place.
        settings: of which the learning rate is taken.
        optimizer: name of a Keras optimizer.
        loss: name of a Keras loss of integer labels.
        steps_per_execution: batches between two looks of Keras's loop; it changes no number.
    """
    model.compile(
        optimizer=keras.optimizers.get(
            {"class_name": optimizer, "config": {"learning_rate": settings.lr}}
        ),
        loss=loss,
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        steps_per_execution=steps_per_execution,
    )
    # Made now, like the metric's: what makes variables while it is traced is traced twice.
    model.optimizer.build(model.trainable_variables)


def reset_optimizer(model: keras.Model) -> None:
    """Make a model's optimizer forget all steps, as compiling anew would.

    Compiling anew also traces the training step anew: 10 seconds for EfficientNetB0 on 2 cores.

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
    folder: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> pd.DataFrame:
    """Train until the validation loss has not fallen for `patience` epochs; keep the best weights.

    With class weights it is the weighted loss that is trained for, and that chooses the epoch.

    Goes on from the states that an interrupted call left in `folder`, and ends as if it had never
    been interrupted; after a call that came to its end, it gives the same result without training.

    Args:
        model: compiled; changed in place, ends with the weights of its best epoch.
        train: batches to learn from; its `epoch` says which epoch is the first.
        validation: examples that choose the epoch.
        settings: learning rate and its schedule, epochs, patience, class weights.
        folder: for the states of this very training; see `resuming.checkpoints`.
        callbacks: further Keras callbacks; they hear of the epochs before an interruption as well.

    Returns:
        A row per epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, lr. With class
        weights, both losses are weighted by the class's of the training images, and no accuracy.

    Raises:
        UserError: the loss became infinite or no number.
    """
    first = train.epoch
    stopping = EarlyStopping(settings.patience)
    checkpoint = Checkpoint(folder, stopping)
    checkpoint.restore(model)
    for epoch, row in enumerate(checkpoint.rows, first):
        for callback in callbacks:
            callback.on_epoch_end(epoch, row)
    done = len(checkpoint.rows)
    if done == settings.epochs or checkpoint.finished:
        model.set_weights(stopping.remembered["best_weights"])
    else:
        held_out = Batches(validation, batch_size=64, shuffle=False)
        if settings.class_weights:  # not by Keras, which would look up each batch's on its own
            train.class_weights = balanced_weights(train.examples.labels)
            held_out.class_weights = train.class_weights
        model.fit(
            feed(train),
            validation_data=feed(held_out),
            initial_epoch=first + done,
            epochs=first + settings.epochs,
            # Told, since Keras would else make each epoch's iterator twice, which takes 3 ms. It is
            # made before `begin` now, but draws only when asked for the first batch.
            steps_per_epoch=len(train),
            callbacks=[*_turns(train, settings), stopping, *callbacks, checkpoint],
            shuffle=False,  # of the batches, which are drawn at random already
            verbose=verbosity(),
        )
    return _history(checkpoint.rows, first)


def _turns(train: Batches, settings: Training) -> list[keras.callbacks.Callback]:
    """Return what sets each epoch's batches and learning rate, and ends a diverged training."""
    first = train.epoch
    return [
        keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: train.begin(epoch)),
        keras.callbacks.LearningRateScheduler(
            lambda epoch: learning_rate(settings, (epoch - first) / settings.epochs)
        ),
        keras.callbacks.TerminateOnNaN(),
    ]


def _history(rows: list[dict[str, float]], first: int) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    table.insert(0, "epoch", np.arange(len(table)) + first + 1)
    table = table.rename(columns={"learning_rate": "lr"})
    diverged = table[~np.isfinite(table[["loss", "val_loss"]].to_numpy(float)).all(axis=1)]
    if len(diverged):
        raise UserError(
            f"the training diverged in epoch {diverged['epoch'].iloc[0]} with lr = "
            f"{diverged['lr'].iloc[0]:g}: its loss is no longer a number; lower lr"
        )
    return table[["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr"]]
