"""Work in other processes: in threads it would wait for Python's lock."""

import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children
from typing import TypeVar

from animals10 import errors

_MOST = 4  # processes, however many cores there are: to decode a photo may take 0.8 GiB
_SHARE = 16  # items that a process takes at once
_CHUNK_ITEMS, _CHUNK_BYTES = 256, 64 * 2**20
_STOPS = (signal.SIGINT, signal.SIGTERM)

Item = TypeVar("Item")
Result = TypeVar("Result")


def chunks(items: Iterable[Item], size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Cut items into lists that fit in memory.

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
    """Do the same with all items, in a process per core.

    Args:
        work: a function that Python can copy to a process, as it can items and results.
        chunks: the items, in lists of which two are in memory at once.

    Yields:
        Each item with its result, in order. Processes work on the next chunk meanwhile.

    Raises:
        UserError: the system ended a process.
    """
    begun: deque[Iterator[tuple[Item, Result]]] = deque()
    with _processes(min(_MOST, _cores())) as pool:
        for chunk in chunks:
            results = pool.map(work, chunk, chunksize=_SHARE)
            begun.append(zip(chunk, results, strict=True))
            if len(begun) == 2:
                yield from begun.popleft()
        for last in begun:
            yield from last


def apart(work: Callable[..., Result], *arguments: object) -> Result:
    """Do something in a process of its own, which gives back all of its memory.

    Args:
        work: a function that Python can copy to a process, as it can the arguments and the result.
        arguments: of the function.

    Returns:
        What the work returns.

    Raises:
        UserError: the system ended the process.
        Exception: whatever the work raises.
    """
    with _processes(1) as pool:
        future = pool.submit(work, *arguments)
        try:
            return future.result()
        except BaseException:
            for process in active_children():  # after a stop nobody needs it, say a download
                process.terminate()
            raise


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor]:
    try:
        with ProcessPoolExecutor(count, initializer=_begin, initargs=(os.getpid(),)) as pool:
            # Begun while no signal reaches them: until `_begin` they have this process's handlers.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
            try:
                pool.submit(os.getpid)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            yield pool
    except BrokenExecutor:
        raise errors.UserError(
            "the system ended a process of this command, as it does when memory runs out; close "
            "other programs, or take out the largest photos, and run the same command again"
        ) from None


def _begin(parent: int) -> None:
    # Who stops the command is answered by its first process, with which the others end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    gc.enable()  # which a process that is not forked has disabled for the imports
    errors.follow_parent(parent)
