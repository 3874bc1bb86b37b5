"""Training a backbone to tell invented species apart; it may be stopped and taken up again."""

import hashlib
import shutil
from collections.abc import Hashable
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from animals10 import artifacts, backbones
from animals10.arrays import Batches, Examples, feed, verbosity
from animals10.parameters import Augment
from animals10.pretraining.parameters import Train
from animals10.training import compile_model, learning_rate


class Checkpoints(keras.callbacks.Callback):
    """Keeps a training's whole state after every epoch.

    Keras's own ways to save leave out the random generators of its dropout layers.

    Args:
        folder: for `epoch-<number>.npz` and `.csv`; the newest of each alone is kept.
        rows: the history so far, a row per epoch.
    """

    def __init__(self, folder: Path, rows: list[dict[Hashable, float]]) -> None:
        super().__init__()
        self.folder = folder
        self.rows = rows

    def on_epoch_end(self, epoch: int, logs: dict[Hashable, float] | None = None) -> None:
        """Save, the state last, since its name says that the epoch is complete."""
        self.rows.append({"epoch": epoch + 1, **(logs or {})})
        older = sorted(self.folder.glob("epoch-*"))
        path = self.folder / f"epoch-{epoch + 1:04d}.npz"
        artifacts.write_csv(path.with_suffix(".csv"), pd.DataFrame(self.rows))
        with artifacts.replacing(path) as temporary:
            np.savez(temporary, *map(keras.ops.convert_to_numpy, _state(self.model)))
        for file in older:
            file.unlink()


def _restore(folder: Path, model: keras.Model) -> list[dict[Hashable, float]]:
    """Take up the newest state, if there is one; return the history up to it."""
    newest = max(folder.glob("epoch-*.npz"), default=None)
    if newest is None:
        return []
    with np.load(newest, allow_pickle=False) as values:
        for variable, name in zip(_state(model), values.files, strict=True):
            variable.assign(values[name])
    return pd.read_csv(newest.with_suffix(".csv")).to_dict("records")


def _state(model: keras.Model) -> list[keras.Variable]:
    model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def pretrain(
    backbone: str,
    train: Examples,
    validation: Examples,
    settings: Train,
    augment: Augment,
    seed: int,
    root: Path,
) -> tuple[keras.Model, pd.DataFrame]:
    """Train a backbone and a classifier from random weights, or from the last epoch kept.

    Args:
        backbone: its name.
        train: uint8 images and species.
        validation: likewise; watched, it decides nothing.
        settings: learning rate, epochs, batch size, dropout.
        augment: bounds of the training images' random views.
        seed: of order and views.
        root: folder for checkpoints; those of this very training are removed at its end.

    Returns:
        The trained model, whose layer `backbone` is the backbone, and a row per epoch: epoch
        (from 1), accuracy, loss, val_accuracy, val_loss, learning_rate.
    """
    checkpoints = checkpoint_folder(
        root, settings, backbone, augment, seed, keras.__version__, train.inputs, train.labels
    )
    species = int(train.labels.max()) + 1
    model = _classifier(backbone, train.inputs.shape[1], species, settings)
    rows = _restore(checkpoints, model)
    done = len(rows)
    batches = Batches(train, settings.batch_size, seed, augment)
    model.fit(
        feed(batches),
        validation_data=feed(Batches(validation, settings.batch_size, shuffle=False)),
        initial_epoch=done,
        epochs=settings.epochs,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: batches.begin(epoch)),
            keras.callbacks.LearningRateScheduler(
                lambda epoch: learning_rate(settings, epoch / settings.epochs)
            ),
            Checkpoints(checkpoints, rows),
        ],
        shuffle=False,
        verbose=verbosity(),
    )
    shutil.rmtree(checkpoints)
    return model, pd.DataFrame(rows)


def checkpoint_folder(root: Path, settings: Train, *parts: object) -> Path:
    """Name a folder after everything that a training depends on, so that no other resumes from it.

    Args:
        root: holds the folders.
        settings: of the training.
        parts: whatever else decides the outcome; arrays count by their content.

    Returns:
        The folder, made when missing.
    """
    digest = hashlib.sha256(settings.model_dump_json().encode())
    for part in parts:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    folder = root / digest.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _classifier(backbone: str, size: int, species: int, settings: Train) -> keras.Model:
    model = keras.Sequential(
        [
            backbones.build(backbone, size),
            keras.layers.Dropout(settings.dropout),
            keras.layers.Dense(species, activation="softmax"),
        ]
    )
    compile_model(model, settings)
    return model
