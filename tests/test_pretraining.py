"""Invented creatures, and a backbone pre-trained on them that may be stopped at any epoch."""

from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import ROOT

from animals10 import backbones, parameters
from animals10.arrays import Examples, load_split
from animals10.drawing.scene import picture
from animals10.parameters import Augment
from animals10.pretraining.creatures import PLANS, invent
from animals10.pretraining.drawing import draw_split
from animals10.pretraining.exporting import write_half
from animals10.pretraining.parameters import Pretraining, Train
from animals10.pretraining.training import pretrain
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


def test_splits_share_species_but_no_picture(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "validation")):
        draw_split(tmp_path / split, number, species=9, count=2, size=32, seed=5)
    train, validation = load_split(tmp_path / "train"), load_split(tmp_path / "validation")
    assert train.inputs.shape == (18, 32, 32, 3)
    assert train.labels.tolist() == validation.labels.tolist() == [i // 2 for i in range(18)]
    seen = {image.tobytes() for image in train.inputs}
    assert len(seen) == 18
    assert not seen & {image.tobytes() for image in validation.inputs}


def test_a_classifier_of_species_is_trained_around_a_backbone(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    data = Examples(images, np.arange(12) % 3)
    seed_everything(1)
    model, history = pretrain(
        "MobileNetV3Small", data, data, SETTINGS, AUGMENT, seed=1, folder=tmp_path
    )
    assert history["epoch"].tolist() == [1, 2, 3]
    assert model.get_layer("backbone").input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 3)


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
