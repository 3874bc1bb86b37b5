"""Training a transfer model's backbone, in rounds."""

import shutil
from collections.abc import Callable, Sequence
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
_FIRST_VIEW = 100  # behind those of `embed`, to which the head is fitted already


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
    into files that are removed when it is done; without dropout, which they have otherwise.

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
    used = min(settings.views, settings.rounds * settings.epochs - 1)
    images = plain_and_views(train, _ANSWERED, seed, augment, used, _FIRST_VIEW)
    place = folder / "answers"
    *views, held_out = _answers(
        lower, [*images, Batches(validation, _ANSWERED, shuffle=False)], place
    )
    draw = partial(RecurringViews, views, settings.batch_size, seed)
    whole = models.join(upper, model.get_layer("head"))
    result = _rounds(whole, draw, held_out, settings, folder, callbacks)
    shutil.rmtree(place, ignore_errors=True)
    return result


def _answers(model: keras.Model, images: Sequence[Batches], folder: Path) -> list[Examples]:
    """Ask a model once about images; map its answers from files, which a later call finds again."""
    predictor = Predictor(model)
    answers = []
    for number, batches in enumerate(images):
        path, labels = folder / f"{number}.npy", batches.examples.labels
        try:
            inputs = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):  # not there, or damaged, as by a power cut
            predictor.write(path, [batches], len(labels))
            inputs = np.load(path, mmap_mode="r", allow_pickle=False)
        answers.append(Examples(inputs, labels))
    return answers


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
