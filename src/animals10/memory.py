"""What rows of mapped arrays take of memory."""

import math
import mmap
import weakref

import numpy as np

_KEPT = 300 * 2**20  # bytes, say of the features of Animals-10 in three views
_NEIGHBOURS = 128  # rows


class Buffers:
    """Memory for arrays that is used again as soon as nobody has the earlier array any more.

    To copy rows into memory that the processor's cache has already saves a fiftieth of a head's
    training; it begins at a page, so that TensorFlow takes it as it is, where it would copy other
    arrays.
    """

    def __init__(self) -> None:
        self._free: list[mmap.mmap] = []

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return an array of any content, as `np.empty` does."""
        count = math.prod(shape)
        size = max(1, count * dtype.itemsize)
        block = self._free.pop() if self._free else mmap.mmap(-1, size)
        if len(block) < size:
            block = mmap.mmap(-1, size)
        flat = np.frombuffer(block, dtype, count)
        # Every view of it has it as its base, and so keeps it.
        weakref.finalize(flat, self._free.append, block)
        return flat.reshape(shape)


def leaving(inputs: np.ndarray) -> mmap.mmap | None:
    """Return the mapping of an array so large that it must not stay in memory, if it is one."""
    mapped: mmap.mmap | None = getattr(inputs, "_mmap", None)  # numpy gives no other way to it
    return mapped if inputs.nbytes > _KEPT and hasattr(mmap, "MADV_DONTNEED") else None


def take(inputs: np.ndarray, rows: np.ndarray, buffers: Buffers) -> np.ndarray:
    """Copy rows of an array; of a large one that is mapped from disk, nothing stays in memory.

    Its pages remain in the system's cache, where the next epoch finds them, but no longer count
    as this process's. To map them anew takes about as long as to copy them, so that those of up to
    300 MiB stay.

    Args:
        inputs: of any shape, one row after another in memory; else numpy copies all of it first.
        rows: indices along its first axis.
        buffers: of which the rows take their memory.

    Returns:
        The rows.
    """
    taken = buffers.empty((len(rows), *inputs.shape[1:]), inputs.dtype)
    mapped = leaving(inputs)
    if mapped is None:
        # Clipped, as numpy would else take other memory first, in case that an index is too large.
        return np.take(inputs, rows, axis=0, out=taken, mode="clip")
    # Neighbours together, as Linux maps much around a row, up to 2 MiB: in random order, many rows
    # would have the whole file in memory.
    by_place = np.argsort(rows)
    for start in range(0, len(rows), _NEIGHBOURS):
        some = by_place[start : start + _NEIGHBOURS]
        taken[some] = inputs[rows[some]]
        mapped.madvise(mmap.MADV_DONTNEED)
    return taken
