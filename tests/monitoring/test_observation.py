"""What is measured of an image, and what is kept of a model's outputs."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

import animals10_sample
from animals10.monitoring.observation import Observations, observe
from animals10.monitoring.projection import principal_axes
from animals10.monitoring.reference import Reference


def light(image: np.ndarray) -> tuple[float, float]:
    """Return brightness and sharpness."""
    observed = observe(image[None], np.array([[1.0]], np.float32), np.zeros((1, 0), np.float32))
    return float(observed.numbers[0, 1]), float(observed.numbers[0, 2])


def test_brightness_is_the_mean_of_grey_levels() -> None:
    for level in (0, 100, 255):
        assert light(np.full((20, 20, 3), level, np.uint8)) == (level, 0)
    drawn = animals10_sample.draw("cane", np.random.default_rng(0))
    darker, brighter = light(drawn // 2)[0], light(drawn)[0]
    assert darker == pytest.approx(brighter / 2, rel=0.02)


def test_sharpness_falls_with_blur() -> None:
    drawn = Image.fromarray(animals10_sample.draw("cane", np.random.default_rng(0)))
    found = [
        light(np.asarray(drawn.filter(ImageFilter.GaussianBlur(radius))))[1] for radius in (0, 1, 2)
    ]
    assert found[0] > 1.5 * found[1] > 1.5**2 * found[2] > 0


def test_sharpness_is_the_spread_of_the_laplacian() -> None:
    image = np.zeros((5, 5, 3), np.uint8)
    image[2, 2] = 90
    laplacian = np.array([[0, 90, 0], [90, -360, 90], [0, 90, 0]])
    assert light(image)[1] == pytest.approx(laplacian.std(), abs=1e-3)


def test_outputs_are_kept_with_few_digits() -> None:
    images = np.zeros((300, 8, 8, 3), np.uint8)  # more than are measured at once
    probabilities = np.tile(np.array([0.1234567, 0.8765433], np.float32), (300, 1))
    projection = np.tile(np.array([0.1234567, -0.5], np.float32), (300, 1))
    observed = observe(images, probabilities, projection)
    assert observed.predicted.tolist() == [1] * 300
    assert observed.numbers.shape == (300, 5)
    assert observed.numbers[299].tolist() == [0.876543, 0, 0, 0.12346, -0.5]


def test_a_reference_gives_numbers_as_they_were_and_is_small() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.gamma(2, 30, (3000, 19)).round(3)
    numbers[:, 0] = np.minimum(numbers[:, 0], 50)  # many are equal
    reference = Reference.of(Observations(rng.integers(0, 9, 3000), numbers), classes=10)
    text = reference.to_json()
    assert len(text) < 50_000
    read = Reference.from_json(text)
    assert read.counts.sum() == 3000
    assert read.counts[9] == 0
    back = read.numbers()
    assert back.shape == (3000, 19)
    for before, after in zip(numbers.T, back.T, strict=True):
        values = np.sort(before)
        fractions = [np.searchsorted(np.sort(each), values, "right") for each in (before, after)]
        assert np.abs(fractions[0] - fractions[1]).max() / 3000 <= 0.005


def test_the_principal_axes_are_those_of_unit_features() -> None:
    rng = np.random.default_rng(0)
    features = (5 + rng.normal(size=(400, 30)) * np.linspace(1, 3, 30)).astype(np.float32)
    features *= rng.uniform(0.1, 10, (400, 1)).astype(np.float32)
    axes = principal_axes(features)
    assert axes.shape == (30, 16)
    assert axes.dtype == np.float32
    assert axes.T @ axes == pytest.approx(np.eye(16), abs=1e-5)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    spread = (unit @ axes).var(axis=0)
    assert (np.diff(spread) <= 1e-9).all()
    assert spread[0] >= unit.var(axis=0).max()
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(16)] > 0).all()
    assert principal_axes(features[:5, :4]).shape == (4, 4)
