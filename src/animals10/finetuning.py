"""Training a transfer model's backbone, in rounds."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from animals10 import backbones, models
from animals10.acceleration import accelerate
from animals10.arrays import Batches, Examples, RecurringViews, plain_and_views
from animals10.inference import Predictor
from animals10.outcome import best_epoch
from animals10.parameters import Augment, Finetune
from animals10.training import compile_model, fit, reset_optimizer

_ANSWERED = 64  # images that the lower blocks answer at once


def finetune(
    model: keras.Model,
    train: Examples,
    validation: Examples,
    settings: Finetune,
    augment: Augment,
    seed: int,
    folder: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Unfreeze the backbone and train, each round with a fresh optimizer from the last's best.

    With `settings.views` the blocks that stay as they are answer each view once, before training,
    and without dropout, which they have otherwise.

    Args:
        model: a transfer model with a layer `backbone`; ends with the weights of the best round.
        train: uint8 images and labels.
        validation: likewise; chooses epoch and round.
        settings: rounds, and the training of each.
        augment: bounds of the training images' random views.
        seed: of order and views.
        folder: for the states of the rounds; see `resuming.checkpoints`.
        callbacks: further Keras callbacks.

    Returns:
        The history of all rounds, and each round's best epoch as `round_1`, `round_2`, …
    """
    backbones.unfreeze(model.get_layer("backbone"), settings.unfreeze)
    if settings.views is None:
        draw = partial(Batches, train, settings.batch_size, seed, augment)
        return _rounds(model, draw, validation, settings, folder, callbacks)
    lower, upper = backbones.cut(model.get_layer("backbone"))
    images = plain_and_views(train, _ANSWERED, seed, augment, settings.views)
    images.append(Batches(validation, _ANSWERED, shuffle=False))
    with _answers(lower, images, folder) as (*views, plain):
        draw = partial(RecurringViews, views, settings.batch_size, seed)
        whole = models.join(upper, model.get_layer("head"))
        return _rounds(whole, draw, plain, settings, folder, callbacks)


@contextmanager
def _answers(
    model: keras.Model, images: Sequence[Batches], folder: Path
) -> Iterator[list[Examples]]:
    """Ask a model once about images; yield its answers, mapped from files that the block has."""
    predictor = Predictor(model)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        answers = []
        for number, batches in enumerate(images):
            path, labels = Path(name) / f"{number}.npy", batches.examples.labels
            predictor.write(path, [batches], len(labels))
            inputs = np.load(path, mmap_mode="r", allow_pickle=False)
            answers.append(Examples(inputs, labels))
        yield answers


def _rounds(
    model: keras.Model,
    draw: Callable[..., Batches],
    validation: Examples,
    settings: Finetune,
    folder: Path,
    callbacks: Sequence[keras.callbacks.Callback],
) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    twin = accelerate(model)
    histories: list[pd.DataFrame] = []
    rounds: dict[str, dict[str, float]] = {}
    best = twin.get_weights()
    compile_model(twin, settings)
    for number in range(1, settings.rounds + 1):
        batches = draw(first_epoch=sum(map(len, histories)))
        reset_optimizer(twin)
        states = folder / f"round-{number}"
        histories.append(fit(twin, batches, validation, settings, states, callbacks))
        rounds[f"round_{number}"] = best_epoch(histories[-1])
        if rounds[f"round_{number}"]["val_loss"] == min(r["val_loss"] for r in rounds.values()):
            best = twin.get_weights()
    twin.set_weights(best)
    return pd.concat(histories, ignore_index=True), rounds
