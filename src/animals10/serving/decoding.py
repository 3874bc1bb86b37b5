"""Decoding of what strangers send: limits first, and large images one at a time."""

import asyncio
import io
import multiprocessing
import os
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import suppress

import numpy as np
from PIL import Image

from animals10.data.parallel import MOST_AT_ONCE, begin_worker
from animals10.deployment import cores
from animals10.images.damage import DAMAGE
from animals10.images.decoding import FORMATS, ImageError, examine
from animals10.serving.refusals import Refusal
from animals10.serving.settings import Settings
from animals10.serving.threads import give_way, workers

# Pixels, as `expected_work` counts; others shall not wait while more are decoded, one by one.
_LARGE = 16_000_000
_WHOLE = 4  # times the work: an image that is not reduced while it is decoded, as a JPEG is
_MOST_SCANS = 100  # of a JPEG; encoders write about ten, and each takes as long as the picture


class Decoder:
    """Threads that decode as `predict` does, and a process for large images.

    Pillow holds Python's lock while it takes memory for an image, for which all threads wait.
    """

    def __init__(self, settings: Settings) -> None:
        self._limits = 1, settings.jpeg_megapixels * 10**6, settings.other_megapixels * 10**6
        self._threads = workers(min(MOST_AT_ONCE, cores.count()), "decode")
        self._process = _process()

    async def decode(self, content: bytes, size: int) -> np.ndarray:
        """Decode an image file to uint8 RGB of shape (size, size, 3).

        Raises:
            ImageError: it cannot be used.
            Refusal: memory ran out.
        """
        loop = asyncio.get_running_loop()
        work = await loop.run_in_executor(self._threads, expected_work, content)
        pool = self._threads if work <= _LARGE else self._process
        try:
            decoded = await loop.run_in_executor(pool, examine, content, size, *self._limits)
        except BrokenExecutor:
            if pool is self._process:  # unless another request did
                self._process = _process()
            raise Refusal(503, "memory ran out; send a smaller image", "memory") from None
        return decoded[0]

    def close(self) -> None:
        """End the threads and the process."""
        for pool in (self._threads, self._process):
            pool.shutdown(wait=False, cancel_futures=True)


def _process() -> ProcessPoolExecutor:
    # Not forked, since a server has threads. It starts with the first large image.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer=_begin, initargs=(os.getpid(),))


def _begin(parent: int) -> None:
    begin_worker(parent)
    give_way()


def expected_work(content: bytes) -> int:
    """Return the pixels that a file says to have, times what each costs; 0 where it says nothing.

    Raises:
        ImageError: a JPEG has so many scans that it was made to take long.
    """
    cost = _WHOLE
    if content.startswith(b"\xff\xd8"):
        # Within a scan the byte 255 is always followed by another than this mark's.
        cost = content.count(b"\xff\xda")
        if cost > _MOST_SCANS:
            raise ImageError(f"too many scans: {cost}; {_MOST_SCANS} are allowed")
    with (
        suppress(*DAMAGE, Image.DecompressionBombError),
        Image.open(io.BytesIO(content), formats=FORMATS) as image,
    ):
        return image.width * image.height * cost
    return 0
