"""A training that is interrupted anywhere ends with the same bytes as one that is not."""

import os
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from filelock import FileLock

from animals10.models import networks
from animals10.parameters import Augment, Finetune, Training
from animals10.training import checkpoint
from animals10.training.batches import Batches, Examples
from animals10.training.execution import seed_everything
from animals10.training.finetuning import finetune
from animals10.training.fitting import compile_model, fit

AUGMENT = Augment(rotation=15, shift=0.1, zoom=0.1, shear=10, flip=True)
SETTINGS = Training(
    optimizer="adam",
    warmup=0,
    label_smoothing=0,
    lr=0.05,
    schedule="cosine",
    epochs=6,
    batch_size=8,
    patience=2,
    class_weights=True,
)
ROUNDS = Finetune(
    **SETTINGS.model_dump() | {"epochs": 3}, rounds=2, unfreeze="all", average_flips=False
)


def examples(count: int, seed: int) -> Examples:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    return Examples(images, rng.integers(0, 3, count))


Trained = tuple[keras.Model, pd.DataFrame]
TRAIN, VALIDATION = examples(30, 1), examples(10, 2)


def network() -> keras.Model:
    """Return a model with all that has a state: batch normalization, dropout, noise."""
    image = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.Conv2D(4, 3, name="upper")(keras.layers.BatchNormalization()(x))
    backbone = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x), name="backbone")
    noise = [keras.layers.GaussianNoise(0.1), keras.layers.Dropout(0.3)]
    layers = [keras.Input((4,)), *noise, keras.layers.Dense(3, "softmax")]
    return networks.attach_head(backbone, keras.Sequential(layers, name="head"))


class Interruption(keras.callbacks.Callback):
    """Ends the process's work after so many batches, as a kill would."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def train(
    folder: Path, *callbacks: keras.callbacks.Callback, settings: Training = SETTINGS
) -> Trained:
    seed_everything(1)
    model = network()
    batches = Batches(TRAIN, 8, seed=1, augment=AUGMENT)
    compile_model(model, settings, len(batches))
    history = fit(model, batches, VALIDATION, settings, folder, callbacks=callbacks)
    return model, history


def tune(
    folder: Path, *callbacks: keras.callbacks.Callback, settings: Finetune = ROUNDS
) -> Trained:
    seed_everything(1)
    model = network()
    data = TRAIN, VALIDATION, settings, AUGMENT
    history = finetune(model, *data, seed=1, folder=folder, callbacks=callbacks)
    return model, history


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return tune(tmp_path_factory.mktemp("whole"))


def assert_same(one: Any, other: Any) -> None:
    pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)
    for first, second in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("batches", [1, 5, 9])
def test_an_interrupted_training_ends_the_same(
    batches: int, trained: Trained, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, Interruption(batches))
    counter = Interruption(1000)
    assert_same(train(tmp_path, counter), trained)
    epochs_left = len(trained[1]) - (batches - 1) // 4  # of four batches each
    assert 1000 - counter.left == 4 * epochs_left


def test_early_stopping_remembers_across_an_interruption(tmp_path: Path) -> None:
    restless = SETTINGS.model_copy(update={"lr": 0.5, "schedule": "constant", "epochs": 20})
    expected = train(tmp_path / "whole", settings=restless)
    assert 2 < len(expected[1]) < 20, "the test needs a training that stops early"
    last = 4 * len(expected[1]) - 1  # within the epoch after which it stops
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", Interruption(last), settings=restless)
    assert_same(train(tmp_path / "parts", settings=restless), expected)


def test_a_finished_training_is_not_trained_again(trained: Trained, tmp_path: Path) -> None:
    train(tmp_path)
    assert_same(train(tmp_path, Interruption(1)), trained)


@pytest.mark.parametrize("batches", [11, 13, 22])
def test_interrupted_rounds_end_the_same(batches: int, tuned: Trained, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        tune(tmp_path, Interruption(batches))
    assert_same(tune(tmp_path), tuned)


def test_callbacks_hear_of_every_epoch_once(tmp_path: Path) -> None:
    heard: list[tuple[int, float]] = []
    logger = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: heard.append((epoch, logs["loss"]))
    )
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, Interruption(9))
    _, history = train(tmp_path, logger)
    assert [epoch for epoch, _ in heard] == list(range(len(history)))
    assert [loss for _, loss in heard] == history["loss"].tolist()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", None])
def test_a_damaged_state_is_passed_over(
    damage: bytes | None, trained: Trained, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, Interruption(9))
    older, newest = sorted(tmp_path.glob("epoch-*.npz"))
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2] if damage is None else damage)
    assert_same(train(tmp_path), trained)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    stage = {"deps": ["data", "code.py"], "params": ["seed", "block.lr"], "outs": ["model"]}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": stage}}))
    Path("params.yaml").write_text(yaml.safe_dump({"seed": 1, "block": {"lr": 0.1}, "other": 1}))
    Path("data").mkdir()
    Path("data/images.npy").write_bytes(b"images")
    Path("code.py").write_text("pass")
    return tmp_path


def folder() -> str:
    with pytest.raises(KeyboardInterrupt), checkpoint.checkpoints("train") as states:
        raise KeyboardInterrupt
    return states.name


def test_states_are_of_one_training_alone(project: Path) -> None:
    names = {folder()}
    Path("params.yaml").write_text(yaml.safe_dump({"seed": 1, "block": {"lr": 0.1}, "other": 2}))
    assert folder() in names
    for path, text in {
        "params.yaml": yaml.safe_dump({"seed": 1, "block": {"lr": 0.2}, "other": 2}),
        "data/images.npy": "other images",
        "code.py": "exit()",
    }.items():
        Path(path).write_text(text)
        assert folder() not in names
        names.add(folder())


def write_lock(md5: str, used: str = "") -> None:
    """Write a dvc.lock that has one md5 of the stage's output, and another that a stage used."""
    stages = {
        "train": {"outs": [{"path": "model", "md5": md5}]},
        "evaluate": {"deps": [{"path": "model", "md5": used or md5}]},
    }
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": stages}))


def test_states_are_kept_until_dvc_has_saved_the_outputs(project: Path) -> None:
    states = project / checkpoint.FOLDER / "train" / folder()
    (states / "epoch-0001.npz").write_bytes(b"state")
    with checkpoint.checkpoints("train") as again:
        assert again == states
        Path("model").write_bytes(b"model")
    with FileLock(states / "lock", blocking=False):
        pass  # it was released
    checkpoint.remove_saved()
    assert (states / "epoch-0001.npz").exists()
    write_lock("0" * 32)
    digest = (states / "done").read_text()
    (states / "done").write_text("")  # by a power cut
    checkpoint.remove_saved()
    assert (states / "epoch-0001.npz").exists()
    (states / "done").write_text(digest)
    write_lock("0" * 32, used=digest)
    checkpoint.remove_saved()
    assert (states / "epoch-0001.npz").exists()
    write_lock(digest)
    checkpoint.remove_saved()
    assert not states.exists()


@pytest.mark.usefixtures("project")
def test_settings_of_the_backend_are_another_training(monkeypatch: pytest.MonkeyPatch) -> None:
    name = folder()
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    assert folder() == name
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert folder() != name


def test_the_newest_trainings_are_kept(project: Path) -> None:
    names = []
    for number in range(5):
        Path("code.py").write_text(f"pass  # {number}")
        names.append(folder())
        os.utime(project / checkpoint.FOLDER / "train" / names[-1], (number, number))
    assert {path.name for path in (project / checkpoint.FOLDER / "train").iterdir()} == set(
        names[-3:]
    )


@pytest.mark.usefixtures("project")
def test_two_at_once_do_not_share_states() -> None:
    with checkpoint.checkpoints("train") as first:
        (first / "epoch-0001.npz").write_bytes(b"state")
        with checkpoint.checkpoints("train") as second:
            assert second != first
            Path("model").touch()
        assert not second.exists()
        for number in range(5):
            Path("code.py").write_text(f"pass  # {number}")
            folder()
        assert (first / "epoch-0001.npz").exists()
        Path("model").touch()


def test_a_temporary_copy_finds_the_projects_states(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = project / ".dvc" / "tmp" / "exps" / "copy"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".dvc"))
    name = folder()
    monkeypatch.chdir(copy)
    assert folder() == name
    assert not (copy / checkpoint.FOLDER).exists()
