"""The same work on many items, in a process per core."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import suppress
from typing import TypeVar

from animals10 import errors

MOST_AT_ONCE = 4  # however many cores there are: to decode a photo may take 0.8 GiB
_AT_ONCE = 16  # items that are sent to a process together
_CHUNK_ITEMS, _CHUNK_BYTES = 256, 64 * 2**20

Item = TypeVar("Item")
Result = TypeVar("Result")


def chunks(items: Iterable[Item], size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Group items into lists that fit in memory.

    Args:
        items: of any kind, say names of files.
        size: bytes that an item will take.

    Yields:
        Up to 256 items that take 64 MiB together, or a single larger one.
    """
    chunk: list[Item] = []
    total = 0
    for item in items:
        taken = size(item)
        if chunk and (len(chunk) == _CHUNK_ITEMS or total + taken > _CHUNK_BYTES):
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += taken
    yield chunk


def in_order(
    work: Callable[[Item], Result], chunks: Iterable[list[Item]]
) -> Iterator[tuple[Item, Result]]:
    """Do the same work on all items, in a process per core.

    Args:
        work: a function that can be pickled, as can items and results.
        chunks: the items, in lists; two of them are in memory at once.

    Yields:
        Each item with its result, in order.

    Raises:
        UserError: the system killed a process.
    """
    count = min(MOST_AT_ONCE, os.cpu_count() or 1)
    pool = ProcessPoolExecutor(count, initializer=_start, initargs=(os.getpid(),))
    running: deque[Iterator[tuple[Item, Result]]] = deque()
    try:
        for chunk in chunks:
            results = pool.map(work, chunk, chunksize=_AT_ONCE)
            running.append(zip(chunk, results, strict=True))
            if len(running) == 2:
                yield from running.popleft()
        for last in running:
            yield from last
    except BrokenExecutor:
        raise errors.UserError(
            "the system ended a process of this command, most likely as memory ran out; close "
            "other programs, or take out the largest photos, and run the same command again"
        ) from None
    finally:
        with suppress(RuntimeError):  # of Python 3.13, when stopped before its thread has started
            pool.shutdown(cancel_futures=True)


def _start(parent: int) -> None:
    # Only the first process handles a stop, and the others end with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    errors.follow_parent(parent)
