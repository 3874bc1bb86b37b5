"""Decoding of what strangers send: limits first, and large images one at a time."""

import asyncio
import io
import threading
from contextlib import suppress

import numpy as np
from PIL import Image

from animals10.data.parallel import MOST_AT_ONCE
from animals10.deployment import cores
from animals10.images.damage import DAMAGE
from animals10.images.decoding import FORMATS, ImageError, examine
from animals10.serving.decoding_process import DecodingProcess, Limits, ProcessEnded
from animals10.serving.refusals import Refusal
from animals10.serving.settings import Settings
from animals10.serving.threads import workers

# Pixels, as `expected_work` counts; others shall not wait while more are decoded, one by one.
_LARGE = 16_000_000
_WHOLE = 4  # times the work: an image that is not reduced while it is decoded, as a JPEG is
_EMBEDDED = 3  # pictures within a JPEG, as thumbnails are, which count as scans too
_MOST_SCANS = 100  # of a JPEG; encoders write about ten, and each takes as long as the picture


class Decoder:
    """Threads that decode as `predict` does, and a process for large images."""

    def __init__(self, settings: Settings) -> None:
        megapixels = settings.jpeg_megapixels, settings.other_megapixels
        self._limits: Limits = 1, megapixels[0] * 10**6, megapixels[1] * 10**6
        self._threads = workers(min(MOST_AT_ONCE, cores.count()), "decode")
        self._large, self._process = workers(1, "decode-large"), DecodingProcess()

    async def decode(self, content: bytearray, size: int) -> np.ndarray:
        """Decode an image file to uint8 RGB of shape (size, size, 3).

        Raises:
            ImageError: it cannot be used.
            Refusal: the process for large images cannot decode it.
        """
        loop = asyncio.get_running_loop()
        work = await loop.run_in_executor(self._threads, expected_work, content)
        if work > _LARGE:
            return await self._decode_large(content, size)
        return await loop.run_in_executor(self._threads, _decode, content, size, self._limits)

    async def _decode_large(self, content: bytearray, size: int) -> np.ndarray:
        unwanted, job = threading.Event(), self._process.examine
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._large, job, content, size, self._limits, unwanted
            )
        except asyncio.CancelledError:
            self._process.drop(unwanted)
            raise
        except ProcessEnded:
            detail = "the process that decodes large images ended; send a smaller image"
            raise Refusal(503, detail, "decoding") from None

    def close(self) -> None:
        """End the threads and the process."""
        for threads in (self._threads, self._large):
            threads.shutdown(wait=False, cancel_futures=True)
        self._process.close()


def _decode(content: bytearray, size: int, limits: Limits) -> np.ndarray:
    return examine(bytes(content), size, *limits)[0]


def expected_work(content: bytearray) -> int:
    """Return the pixels that a file says to have, times what each costs; 0 where it says nothing.

    Raises:
        ImageError: a JPEG has so many scans that it was made to take long.
    """
    cost = _WHOLE
    if content.startswith(b"\xff\xd8"):
        # Within a scan the byte 255 is always followed by another than this mark's.
        scans = content.count(b"\xff\xda")
        if scans > _MOST_SCANS:
            raise ImageError(f"too many scans: {scans}; {_MOST_SCANS} are allowed")
        cost = max(1, scans - _EMBEDDED)
    with (
        suppress(*DAMAGE, Image.DecompressionBombError),
        Image.open(io.BytesIO(content), formats=FORMATS) as image,
    ):
        return image.width * image.height * cost
    return 0
