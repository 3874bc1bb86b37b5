import gc

import numpy as np

from animals10.memory import Buffers, take

FLOAT = np.dtype(np.float32)


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def test_memory_is_used_again_once_its_array_and_all_views_of_it_are_gone() -> None:
    buffers = Buffers()
    first = buffers.empty((4, 8), FLOAT)
    place, view = address(first), first[2:, ::2].T
    view[:] = 7
    del first
    gc.collect()
    second = buffers.empty((4, 8), FLOAT)
    second[:] = 0
    assert address(second) != place
    assert (view == 7).all()
    del view
    gc.collect()
    third = buffers.empty((3, 8), FLOAT)
    assert address(third) == place
    assert (third[2:, ::2] == 7).all()  # what new memory would not have


def test_a_larger_array_has_memory_of_its_size() -> None:
    buffers = Buffers()
    for count in (1, 100_000, 2, 0):
        array = buffers.empty((count, 8), FLOAT)
        array[:] = count
        assert array.shape == (count, 8)
        assert (array == count).all()
        assert address(array) % 64 == 0 or count == 0
        del array


def test_rows_are_the_same_from_memory_that_had_others() -> None:
    inputs, buffers = np.arange(600, dtype=np.float32).reshape(100, 2, 3), Buffers()
    for seed in range(3):
        rows = np.random.default_rng(seed).permutation(100)[: 10 * (3 - seed)]
        np.testing.assert_array_equal(take(inputs, rows, buffers), inputs[rows])
