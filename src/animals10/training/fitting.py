"""Fitting a model: class weights, schedules, early stopping, history."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from sklearn.utils.class_weight import compute_class_weight

from animals10 import files
from animals10.errors import UserError
from animals10.parameters import Acceleration, Training
from animals10.training import execution
from animals10.training.batches import Batches, Examples
from animals10.training.checkpoint import Checkpoint, EarlyStopping


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """Weigh classes inversely to their frequency.

    Args:
        labels: int64 class indices, shape (n,); each class occurs.

    Returns:
        float32 weights, by class index.
    """
    weights = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    return weights.astype(np.float32)


class Crossentropy(keras.losses.Loss):
    """Cross-entropy of integer labels, smoothed: Keras smooths only labels that are vectors.

    Source: Szegedy et al., Rethinking the Inception Architecture, CVPR 2016.

    Args:
        label_smoothing: fraction of each label, 0..1, that goes to all classes alike.
    """

    def __init__(self, label_smoothing: float) -> None:
        super().__init__(name="crossentropy")
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row: labels of shape (n, 1), probabilities (n, classes)."""
        labels = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), y_pred.shape[-1])
        return keras.losses.categorical_crossentropy(
            labels, y_pred, label_smoothing=self.label_smoothing
        )


def compile_model(
    model: keras.Model, settings: Training, steps: int, steps_per_execution: int = 1
) -> None:
    """Give a model its optimizer, loss and metric.

    Args:
        model: changed in place.
        settings: of optimizer, loss and epochs.
        steps: batches an epoch.
        steps_per_execution: batches that Keras runs between two calls of its callbacks.
    """
    rate, smoothing = learning_rate(settings, steps), settings.label_smoothing
    model.compile(
        optimizer=keras.optimizers.get(
            {"class_name": settings.optimizer, "config": {"learning_rate": rate}}
        ),
        loss=Crossentropy(smoothing) if smoothing else "sparse_categorical_crossentropy",
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        steps_per_execution=min(steps_per_execution, steps),
    )
    # Made now, since variables that are made while a step is traced have it traced twice.
    model.optimizer.build(model.trainable_variables)


def learning_rate(settings: Training, steps: int) -> Any:
    """Return a rate, or a Keras schedule of it.

    Args:
        settings: `lr`, and `schedule`: constant, or cosine, which falls to 0 over all epochs
            (Loshchilov and Hutter, SGDR, ICLR 2017), after a `warmup` in which it rises from 0.
        steps: batches an epoch.
    """
    if settings.schedule == "constant":
        return settings.lr
    total = settings.epochs * steps
    warmup = int(total * settings.warmup)
    start = 0.0 if warmup else settings.lr
    return keras.optimizers.schedules.CosineDecay(
        start, total - warmup, warmup_target=settings.lr, warmup_steps=warmup
    )


class EpochStart(keras.callbacks.TerminateOnNaN):
    """Draws each epoch's order, logs its first learning rate as `lr`, and stops at a loss of NaN.

    Args:
        batches: of the training.
    """

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = batches
        self.rate = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Prepare the batches."""
        self.batches.set_epoch(epoch)
        self.rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Add the learning rate to the metrics."""
        logs["lr"] = self.rate


def fit(
    model: keras.Model,
    train: Batches,
    validation: Examples,
    settings: Training,
    folder: Path,
    acceleration: Acceleration = "auto",
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> pd.DataFrame:
    """Train until the validation loss has not fallen for `patience` epochs; keep the best weights.

    With class weights, the loss that chooses the epoch is weighted too. An interrupted call is
    resumed, and ends as if it had never been interrupted.

    Args:
        model: compiled; changed in place, ends with the weights of its best epoch.
        train: batches; its `epoch` is the number of the first epoch.
        validation: examples that choose the epoch.
        settings: epochs, patience, class weights.
        folder: for checkpoints, as `checkpoint.checkpoints` gives it.
        acceleration: the parameter.
        callbacks: further Keras callbacks; they hear of the epochs before an interruption as well.

    Returns:
        A row per epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, lr.

    Raises:
        UserError: the loss became infinite or no number.
    """
    first = train.epoch
    checkpoint = Checkpoint(folder, EarlyStopping(settings.patience))
    checkpoint.restore(model)
    for epoch, row in enumerate(checkpoint.rows, first):
        for callback in callbacks:
            callback.on_epoch_end(epoch, row)
    if not checkpoint.finished:
        _train(model, train, validation, settings, checkpoint, acceleration, callbacks)
    history = _history(checkpoint.rows, first)
    print("stopped early; " * (len(history) < settings.epochs) + describe_best(history), flush=True)
    return history


def _train(
    model: keras.Model,
    train: Batches,
    validation: Examples,
    settings: Training,
    checkpoint: Checkpoint,
    acceleration: Acceleration,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    first, held_out = train.epoch, _weigh(train, validation, settings.class_weights)
    model.fit(
        execution.as_dataset(train, acceleration),
        validation_data=execution.as_dataset(held_out, acceleration),
        initial_epoch=first + len(checkpoint.rows),
        epochs=first + settings.epochs,
        callbacks=[EpochStart(train), checkpoint.stopping, *callbacks, checkpoint],
        shuffle=False,  # of the batches, which are drawn at random already
        verbose=execution.verbosity(),
    )


def _weigh(train: Batches, validation: Examples, weighted: bool) -> Batches:
    """Weigh the rows of both splits by class, if wanted; return validation's as batches."""
    if weighted:
        weights = balanced_weights(train.examples.labels)
        train.examples = replace(train.examples, weights=weights[train.examples.labels])
        validation = replace(validation, weights=weights[validation.labels])
    return Batches(validation, batch_size=64, shuffle=False)


def describe_best(history: pd.DataFrame) -> str:
    """Say which epoch's weights are kept."""
    best = int(history["val_loss"].to_numpy().argmin())
    return f"epoch {history['epoch'].iloc[best]} has the lowest validation loss"


def _history(rows: list[dict[str, float]], first: int) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    table.insert(0, "epoch", np.arange(len(table)) + first + 1)
    diverged = table[~np.isfinite(table[["loss", "val_loss"]].to_numpy(float)).all(axis=1)]
    if len(diverged):
        raise UserError(
            f"the training diverged in epoch {diverged['epoch'].iloc[0]} with lr = "
            f"{diverged['lr'].iloc[0]:g}: its loss is no longer a number; lower lr"
        )
    return table[["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr"]]


def save(stage: str, model: keras.Model, history: pd.DataFrame) -> None:
    """Write what a training stage leaves: models/<model>.keras and plots/history/<model>.csv.

    Args:
        stage: a key of `files.MODELS`.
        model: the trained model of images, not compiled, so that no optimizer is saved.
        history: as `fit` returns it.
    """
    name = files.MODELS[stage]
    files.write_model(Path(f"models/{name}.keras"), model)
    files.write_csv(Path(f"plots/history/{name}.csv"), history)
