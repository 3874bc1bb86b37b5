"""Training a transfer model's backbone, in rounds."""

from collections.abc import Sequence
from pathlib import Path

import keras
import pandas as pd

from animals10 import backbones
from animals10.acceleration import accelerate
from animals10.arrays import Batches, Examples
from animals10.outcome import best_epoch
from animals10.parameters import Augment, Finetune
from animals10.training import compile_model, fit, reset_optimizer


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
    twin = accelerate(model)
    histories: list[pd.DataFrame] = []
    rounds: dict[str, dict[str, float]] = {}
    best = twin.get_weights()
    compile_model(twin, settings)
    for number in range(1, settings.rounds + 1):
        first = sum(map(len, histories))
        batches = Batches(train, settings.batch_size, seed, augment, first_epoch=first)
        reset_optimizer(twin)
        states = folder / f"round-{number}"
        histories.append(fit(twin, batches, validation, settings, states, callbacks))
        rounds[f"round_{number}"] = best_epoch(histories[-1])
        if rounds[f"round_{number}"]["val_loss"] == min(r["val_loss"] for r in rounds.values()):
            best = twin.get_weights()
    twin.set_weights(best)
    return pd.concat(histories, ignore_index=True), rounds
