"""The drawn data set: deterministic, varied, and not told apart by colour alone."""

from dataclasses import replace

import numpy as np
import pytest

from animals10_sample import CLASSES, draw
from animals10_sample.scene import Conditions


def picture(name: str, seed: int, size: int = 64) -> np.ndarray:
    return draw(name, np.random.default_rng(seed), size)


def test_classes_are_the_ten_names_of_animals_10_in_order() -> None:
    assert CLASSES == (
        "cane",
        "cavallo",
        "elefante",
        "farfalla",
        "gallina",
        "gatto",
        "mucca",
        "pecora",
        "ragno",
        "scoiattolo",
    )


@pytest.mark.parametrize("name", CLASSES)
def test_a_picture_is_square_rgb_bytes_with_content(name: str) -> None:
    drawn = draw(name, np.random.default_rng(0))
    assert drawn.shape == (160, 160, 3)
    assert drawn.dtype == np.uint8
    assert drawn.std() > 5


@pytest.mark.parametrize("name", CLASSES)
def test_every_pose_can_be_drawn(name: str) -> None:
    for seed in range(40):
        assert picture(name, seed).shape == (64, 64, 3)


@pytest.mark.parametrize("name", CLASSES)
def test_the_generator_state_decides_the_bytes(name: str) -> None:
    np.testing.assert_array_equal(picture(name, 7), picture(name, 7))
    assert (picture(name, 7) != picture(name, 8)).any()


def test_successive_pictures_from_one_generator_differ() -> None:
    rng = np.random.default_rng(0)
    assert (draw("gatto", rng) != draw("gatto", rng)).any()


def test_classes_differ_for_the_same_seed() -> None:
    assert len({picture(name, 3).tobytes() for name in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("size", [16, 97, 224])
def test_any_size_can_be_drawn(size: int) -> None:
    assert picture("ragno", 1, size).shape == (size, size, 3)


def test_an_unknown_name_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(ValueError, match=r"'drago'.*cane.*scoiattolo"):
        draw("drago", np.random.default_rng(0))


def test_conditions_decide_how_hard_a_picture_is() -> None:
    easy = Conditions(cover=0, light=(1, 1), blur=(0, 0), noise=(0, 0), falloff=0)
    dark = Conditions(cover=0, light=(0.5, 0.5), blur=(0, 0), noise=(0, 0), falloff=0)
    bright, dim = (draw("mucca", np.random.default_rng(1), 64, each) for each in (easy, dark))
    np.testing.assert_allclose(dim, bright / 2.0, atol=2)  # some were cut off at 255
    noisy = draw("mucca", np.random.default_rng(1), 64, replace(easy, noise=(20, 20)))
    assert 10 < (noisy.astype(float) - bright).std() < 25


def test_mean_colour_does_not_tell_the_class() -> None:
    per_class = 40
    colours = np.array(
        [[picture(name, seed).mean(axis=(0, 1)) for seed in range(per_class)] for name in CLASSES]
    )
    centres = colours[:, : per_class // 2].mean(axis=1)
    held_out = colours[:, per_class // 2 :]
    distances = np.linalg.norm(held_out[:, :, None] - centres, axis=-1)
    truth = np.arange(len(CLASSES))[:, None]
    assert (distances.argmin(axis=-1) == truth).mean() < 0.3
