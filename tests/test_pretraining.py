"""Invented creatures, and a backbone pre-trained on them that may be stopped at any epoch."""

import ast
import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from animals10 import backbones, parameters
from animals10.arrays import Examples, load_split
from animals10.drawing.canvas import Creature, blank
from animals10.drawing.coats import Coat
from animals10.drawing.scene import LAYER, picture
from animals10.parameters import Augment
from animals10.pretraining import features
from animals10.pretraining.creatures import PLANS, invent
from animals10.pretraining.drawing import draw_split
from animals10.pretraining.exporting import write_half
from animals10.pretraining.features import invent_head, profile
from animals10.pretraining.legged import upright, walker
from animals10.pretraining.parameters import Pretraining, Train
from animals10.pretraining.training import pretrain
from animals10.resuming import Checkpoint
from animals10.seeding import seed_everything

AUGMENT = Augment(rotation=15, shift=0.1, zoom=0.1, shear=10, flip=True)
SETTINGS = Train(
    lr=0.001,
    schedule="cosine",
    epochs=3,
    batch_size=4,
    patience=3,
    class_weights=False,
    dropout=0.2,
)


def creature(index: int, seed: int, number: int = 0) -> np.ndarray:
    return picture(invent(index, seed), np.random.default_rng([1, number]), 48)


def test_the_projects_own_parameters_are_valid_and_many_species() -> None:
    params = parameters.read(ROOT / "pretrain/params.yaml", Pretraining)
    assert params.draw.species >= 40


@pytest.mark.parametrize("index", range(3 * len(PLANS)))
def test_a_species_is_drawn_alike_for_its_seed_and_in_many_poses(index: int) -> None:
    np.testing.assert_array_equal(creature(index, 3), creature(index, 3))
    assert not np.array_equal(creature(index, 3), creature(index, 3, number=1))
    assert not np.array_equal(creature(index, 3), creature(index, 4))


def drawn_with(path: Path) -> set[str]:
    """Return what a file takes from the drawing package, as `module.name`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("animals10.drawing"):
            module = str(node.module).removeprefix("animals10.drawing").lstrip(".")
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def test_nothing_that_belongs_to_one_of_the_ten_is_used() -> None:
    files = (ROOT / "src/animals10/pretraining").glob("*.py")
    used = set[str]().union(*map(drawn_with, files))
    modules = {name.split(".")[0] for name in used}
    assert modules == {"bodies", "canvas", "coats", "parts", "scene"}
    assert {name for name in used if name.startswith("scene.")} == {"scene.picture"}
    parts = ["wool", "trunk", "elephant_ear", "hanging_ear", "comb", "collar", "brush_tail", "wing"]
    owned = {f"parts.{part}" for part in parts} | {
        f"bodies.{pose}" for pose in ("sitting", "begging", "bust")
    }
    assert not used & owned


def test_every_head_has_a_crest_that_shows_or_a_beak() -> None:
    fur = Coat((90, 90, 90), (200, 60, 60), "plain")
    for seed in range(100):
        head = invent_head(np.random.default_rng(seed))
        bare = dataclasses.replace(head, crest=0.0)
        crested, plain = blank(128, 40.0, 100.0), blank(128, 40.0, 100.0)
        for canvas, shown in ((crested, head), (plain, bare)):
            profile(canvas, shown, fur, np.random.default_rng(1))
        assert head.beak or crested.image.tobytes() != plain.image.tobytes()


def test_what_goes_on_four_legs_has_no_pointed_ears(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(features, "pointed_ear", lambda *_: drawn.append("pointed"))
    for plan in (upright, walker):
        drawn.clear()
        for seed in range(20):
            creature = plan(np.random.default_rng(seed))
            creature(blank(LAYER, 60.0, 0.92 * LAYER), np.random.default_rng(seed))
        assert bool(drawn) == (plan is upright)


@pytest.mark.parametrize("plan", PLANS)
def test_a_creature_fits_the_canvas(plan: Callable[[np.random.Generator], Creature]) -> None:
    for index in range(PLANS.index(plan), 96, len(PLANS)):
        canvas = blank(LAYER, 150.0, 0.92 * LAYER)
        stance = invent(index, 7)(canvas, np.random.default_rng(index))
        left, top, right, bottom = canvas.image.getbbox() or (0, 0, 0, 0)
        assert min(left, top) > 0
        assert right < LAYER
        assert bottom < LAYER or stance == "bust"


def test_splits_share_species_but_no_picture(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "validation")):
        draw_split(tmp_path / split, number, species=9, count=2, size=32, seed=5)
    train, validation = load_split(tmp_path / "train"), load_split(tmp_path / "validation")
    assert train.inputs.shape == (18, 32, 32, 3)
    assert train.labels.tolist() == validation.labels.tolist() == [i // 2 for i in range(18)]
    seen = {image.tobytes() for image in train.inputs}
    assert len(seen) == 18
    assert not seen & {image.tobytes() for image in validation.inputs}


def train(settings: Train, folder: Path) -> tuple[keras.Model, pd.DataFrame]:
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    data = Examples(images, np.arange(12) % 3)
    seed_everything(1)
    return pretrain("MobileNetV3Small", data, data, settings, AUGMENT, seed=1, folder=folder)


@pytest.mark.slow
def test_a_classifier_of_species_is_trained_around_a_backbone(tmp_path: Path) -> None:
    model, history = train(SETTINGS, tmp_path)
    assert history["epoch"].tolist() == [1, 2, 3]
    assert model.get_layer("backbone").input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 3)


def stop_in_the_third(checkpoint: Checkpoint, epoch: int, logs: object = None) -> None:
    if epoch == 2:
        raise KeyboardInterrupt


@pytest.mark.slow
def test_a_training_around_a_backbone_goes_on_where_it_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 6, "patience": 6})
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_begin", stop_in_the_third)
        with pytest.raises(KeyboardInterrupt):
            train(settings, tmp_path / "stopped")
    assert "Epoch 1/6" in capsys.readouterr().out
    stopped, history = train(settings, tmp_path / "stopped")
    shown = capsys.readouterr().out
    assert "Epoch 2/6" not in shown
    assert "Epoch 3/6" in shown
    assert "Epoch 6/6" in shown
    whole, expected = train(settings, tmp_path / "whole")
    assert history["epoch"].tolist() == list(range(1, 7))
    pd.testing.assert_frame_equal(history, expected, check_exact=True)
    for one, other in zip(stopped.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_half_the_bytes_answer_alike(tmp_path: Path) -> None:
    seed_everything(1)
    backbone = backbones.build("MobileNetV3Small", 32)
    path = tmp_path / "half.weights.h5"
    keras.utils.clear_session()  # layers are named by how many came before in the process
    write_half(path, "MobileNetV3Small", backbone)
    first = path.read_bytes()
    keras.utils.clear_session()
    write_half(path, "MobileNetV3Small", backbone)
    assert path.read_bytes() == first
    backbone.save_weights(tmp_path / "whole.weights.h5")
    assert len(first) < 0.6 * (tmp_path / "whole.weights.h5").stat().st_size
    halved = backbones.build("MobileNetV3Small", 32, path)
    assert {weight.dtype for weight in halved.trainable_weights} == {"float32"}
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("float32")
    whole, half = (model.predict(images, verbose=0) for model in (backbone, halved))
    np.testing.assert_allclose(half, whole, atol=0.01 * np.abs(whole).max())
