import numpy as np

from animals10.memory import empty, take

FLOAT = np.dtype(np.float32)


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def test_memory_is_used_again_once_its_array_and_all_views_of_it_are_gone() -> None:
    first = empty((4, 8), FLOAT)
    place, view = address(first), first[2:, ::2].T
    view[:] = 7
    del first
    second = empty((4, 8), FLOAT)
    second[:] = 0
    assert address(second) != place
    assert (view == 7).all()
    del view
    third = empty((3, 8), FLOAT)
    assert address(third) == place
    assert (third[2:, ::2] == 7).all()


def test_arrays_of_any_size_are_aligned() -> None:
    for count in (1, 100_000, 2, 0):
        array = empty((count, 8), FLOAT)
        array[:] = count
        assert array.shape == (count, 8)
        assert (array == count).all()
        assert address(array) % 64 == 0
        del array


def test_rows_are_the_same_from_memory_that_had_others() -> None:
    inputs = np.arange(600, dtype=np.float32).reshape(100, 2, 3)
    for seed in range(3):
        rows = np.random.default_rng(seed).permutation(100)[: 10 * (3 - seed)]
        np.testing.assert_array_equal(take(inputs, rows), inputs[rows])
