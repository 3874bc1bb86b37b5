"""Training a transfer model's backbone, in rounds."""

from collections.abc import Sequence
from pathlib import Path

import keras
import pandas as pd

from animals10.models import backbones
from animals10.parameters import Acceleration, Augment, Finetune
from animals10.training import execution
from animals10.training.batches import Batches, Examples
from animals10.training.fitting import compile_model, describe_best, fit


def finetune(
    model: keras.Model,
    train: Examples,
    validation: Examples,
    settings: Finetune,
    augment: Augment,
    seed: int,
    folder: Path,
    acceleration: Acceleration = "auto",
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> pd.DataFrame:
    """Unfreeze the backbone and train, each round with a fresh optimizer from the last's best.

    Args:
        model: a transfer model with a layer `backbone`; ends with the weights of the best round.
        train, validation: uint8 images and labels; validation chooses epoch and round.
        settings: rounds, and the training of each.
        augment, seed: as of `Batches`.
        folder, acceleration, callbacks: as of `fitting.fit`.

    Returns:
        The history of all rounds.
    """
    backbones.unfreeze(model.get_layer("backbone"), settings.unfreeze)
    copy = execution.training_copy(model, acceleration)
    histories: list[pd.DataFrame] = []
    lowest = float("inf")
    for number in range(settings.rounds):
        print(f"round {number + 1} of {settings.rounds}", flush=True)
        done = sum(map(len, histories))
        batches = Batches(train, settings.batch_size, seed, augment, done)
        compile_model(copy, settings, len(batches))
        states = folder / f"round-{number + 1}"
        histories.append(fit(copy, batches, validation, settings, states, acceleration, callbacks))
        if (loss := histories[-1]["val_loss"].min()) < lowest:
            lowest, best = loss, copy.get_weights()
    copy.set_weights(best)
    history = pd.concat(histories, ignore_index=True)
    print(f"of all rounds, {describe_best(history)}", flush=True)
    return history
