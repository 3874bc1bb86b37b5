import numpy as np

from animals10.parameters import Augment
from animals10.training.augmentation import augmented, transforms

NONE = Augment(rotation=0, shift=0, zoom=0, shear=0, flip=False)


def ramp(size: int = 16) -> np.ndarray:
    image = np.zeros((1, size, size, 3), "uint8")
    image[..., 0] = np.arange(size)[None, :] * 10
    image[..., 1] = np.arange(size)[:, None] * 10
    return image


def test_without_bounds_nothing_changes() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    np.testing.assert_allclose(augmented(images, NONE, np.random.default_rng(1)), images, atol=1e-3)


def test_values_stay_in_range_and_type() -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    augment = Augment(rotation=40, shift=0.3, zoom=0.3, shear=20, flip=True)
    exact = augmented(images.astype("float32"), augment, np.random.default_rng(1))
    assert exact.dtype == np.float32
    assert exact.min() >= 0
    assert exact.max() <= 255
    rounded = augmented(images, augment, np.random.default_rng(1))
    assert rounded.dtype == np.uint8
    np.testing.assert_allclose(rounded, exact, atol=1)


def test_a_flip_mirrors_left_and_right_of_about_half() -> None:
    images = np.repeat(ramp(), 200, axis=0)
    seen = augmented(images, NONE.model_copy(update={"flip": True}), np.random.default_rng(1))
    mirrored = np.isclose(seen, images[:, :, ::-1], atol=1e-3).all(axis=(1, 2, 3))
    kept = np.isclose(seen, images, atol=1e-3).all(axis=(1, 2, 3))
    assert (mirrored ^ kept).all()
    assert 70 < mirrored.sum() < 130


def test_transforms_are_selected_by_name() -> None:
    augment = Augment(rotation=15, shift=0.1, zoom=0.1, shear=10, flip=True)
    assert augment.select("all") == augment
    assert augment.select("flip") == NONE.model_copy(update={"flip": True})
    assert augment.select("none") is None


def test_a_shift_moves_within_its_bound() -> None:
    maps = transforms(500, 100, NONE.model_copy(update={"shift": 0.1}), np.random.default_rng(1))
    assert np.abs(maps[:, :, 2]).max() <= 10
    assert np.abs(maps[:, :, 2]).max() > 9
    np.testing.assert_allclose(maps[:, :, :2], [np.eye(2)] * 500)


def test_rotation_keeps_the_centre_and_lengths() -> None:
    maps = transforms(100, 17, NONE.model_copy(update={"rotation": 30}), np.random.default_rng(1))
    linear = maps[:, :, :2]
    np.testing.assert_allclose(np.linalg.det(linear), 1, atol=1e-5)
    np.testing.assert_allclose(linear @ [8, 8] + maps[:, :, 2], [[8, 8]] * 100, atol=1e-4)


def test_zoom_scales_within_its_bound() -> None:
    maps = transforms(500, 16, NONE.model_copy(update={"zoom": 0.2}), np.random.default_rng(1))
    scales = maps[:, [0, 1], [0, 1]]
    assert scales.min() >= 0.8
    assert scales.max() <= 1.2
    assert np.ptp(scales[:, 0]) > 0.35


def test_the_same_generator_gives_the_same_views() -> None:
    augment = Augment(rotation=15, shift=0.1, zoom=0.1, shear=10, flip=True)
    first, second = (augmented(ramp(), augment, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, augmented(ramp(), augment, np.random.default_rng(6)))
