"""Corruptions of photos, and the photos that are corrupted."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animals10.evaluation import robustness
from animals10.evaluation.corruptions import KINDS, corrupt
from animals10.training.batches import Examples


def photo(side: int) -> np.ndarray:
    coarse = np.random.default_rng(3).integers(40, 216, (16, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)


def damage(kind: str, strength: int, side: int = 128) -> float:
    image = photo(side)
    corrupted = corrupt(image, kind, strength, np.random.default_rng(0))
    assert corrupted.shape == image.shape
    assert corrupted.dtype == np.uint8
    return float(np.abs(corrupted.astype(float) - image).mean())


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"rotation"}))
def test_each_strength_does_more_than_the_one_before(kind: str) -> None:
    damages = [damage(kind, strength) for strength in range(6)]
    assert damages[0] == 0
    assert damages == sorted(damages)
    assert len(set(damages)) == 6


@pytest.mark.parametrize("kind", ["blur", "noise", "brightness", "occlusion", "contrast"])
def test_a_strength_is_the_same_at_every_size(kind: str) -> None:
    assert damage(kind, 3, 224) == pytest.approx(damage(kind, 3, 112), rel=0.15)


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 5), st.integers(32, 70), st.integers(0, 9))
def test_any_image_of_any_size_can_be_corrupted(
    kind: str, strength: int, side: int, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    before = image.copy()
    corrupted = [corrupt(image, kind, strength, np.random.default_rng(seed)) for _ in range(2)]
    assert corrupted[0].shape == image.shape
    assert (corrupted[0] == corrupted[1]).all()
    assert (image == before).all()


def test_the_short_plan_is_a_part_of_the_full_one() -> None:
    short, full = robustness.plan(full=False), robustness.plan(full=True)
    assert [len(strengths) for strengths in short.values()] == [3] * 5
    assert [len(strengths) for strengths in full.values()] == [5] * 8
    assert all(set(short[kind]) < set(full[kind]) for kind in short)
    assert {"rotation", "contrast", "resolution"} == full.keys() - short.keys()


def test_a_sample_is_even_over_the_classes() -> None:
    labels = np.repeat(np.arange(10), 60)
    test = Examples(np.arange(600)[:, None].astype("float32"), labels)
    taken = robustness.sample(test, full=False)
    assert np.bincount(taken.labels).tolist() == [20] * 10
    assert len(np.unique(taken.inputs[:])) == 200
    assert robustness.sample(test, full=True) is test
    few = Examples(test.inputs[:150], labels[:150])
    assert robustness.sample(few, full=False) is few
