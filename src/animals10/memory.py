"""Copies of rows: in memory that is used again, and of files whose pages must not stay in it."""

import math
import mmap
import weakref

import numpy as np

_KEPT = 300 * 2**20  # bytes, say of the features of Animals-10 in three views
_NEIGHBOURS = 128  # rows
_ALIGNED = 64  # bytes
_MOST = 4  # blocks that wait

_free: list[np.ndarray] = []


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an uninitialized array, as `np.empty` does, in memory that is used again.

    That is as soon as nobody has the earlier array any more; the processor's cache may still have
    it. And it is aligned as `tf.numpy_function` takes arrays without a copy, which numpy's own are
    by chance only. A head trains at 96 instead of 94 % of its bare step (`benchmarks/steps.py`).
    """
    count = math.prod(shape)
    size = count * dtype.itemsize + _ALIGNED
    try:
        block = _free.pop()
    except IndexError:
        block = np.empty(size, np.uint8)
    if len(block) < size:
        block = np.empty(size, np.uint8)
    # Of a memoryview, so that every view keeps `flat` alive: numpy lets a view refer to the last
    # array in the row of bases, which would else be the block.
    flat = np.frombuffer(block.data, dtype, count, offset=-block.ctypes.data % _ALIGNED)
    weakref.finalize(flat, _give_back, block).atexit = False
    return flat.reshape(shape)


def _give_back(block: np.ndarray) -> None:
    if len(_free) < _MOST:
        _free.append(block)


def evictable(inputs: np.ndarray) -> mmap.mmap | None:
    """Return the mapping of an array so large that its pages must not stay in memory, or None."""
    mapped: mmap.mmap | None = getattr(inputs, "_mmap", None)  # numpy gives no other way to it
    return mapped if inputs.nbytes > _KEPT and hasattr(mmap, "MADV_DONTNEED") else None


def take(inputs: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Copy rows of an array; of a large one that is mapped from disk, nothing stays in memory.

    Its pages remain in the system's cache, where the next epoch finds them, but no longer count
    as this process's. To map them anew takes about as long as to copy them, so that those of up to
    300 MiB stay.

    Args:
        inputs: of any shape, C-contiguous; else numpy copies all of it first.
        rows: indices along its first axis, which are not checked.

    Returns:
        The rows.
    """
    taken = empty((len(rows), *inputs.shape[1:]), inputs.dtype)
    mapped = evictable(inputs)
    if mapped is None:
        # Clipped, since numpy would else write to other memory first, lest one is out of range.
        return np.take(inputs, rows, axis=0, out=taken, mode="clip")
    # Neighbours together, as Linux maps much around a row, up to 2 MiB: in random order, many rows
    # would have the whole file in memory.
    by_place = np.argsort(rows)
    for start in range(0, len(rows), _NEIGHBOURS):
        some = by_place[start : start + _NEIGHBOURS]
        taken[some] = inputs[rows[some]]
        mapped.madvise(mmap.MADV_DONTNEED)
    return taken
