"""Decoding of what strangers send: limits first, and large images one at a time."""

import asyncio
import io
from contextlib import suppress

import numpy as np
from PIL import Image

from animals10.data.parallel import MOST_AT_ONCE
from animals10.deployment import cores
from animals10.images.damage import DAMAGE
from animals10.images.decoding import FORMATS, ImageError, examine
from animals10.serving.settings import Settings
from animals10.serving.threads import workers

_LARGE = 16_000_000  # pixels; to decode more takes so long that others shall not wait for it
_MOST_SCANS = 100  # of a JPEG; encoders write about ten, and each takes as long as the picture


class Decoder:
    """Threads that decode as `predict` does."""

    def __init__(self, settings: Settings) -> None:
        self._limits = 1, settings.jpeg_megapixels * 10**6, settings.other_megapixels * 10**6
        self._threads = workers(min(MOST_AT_ONCE, cores.count()), "decode")
        self._large = workers(1, "decode-large")

    async def decode(self, content: bytes, size: int) -> np.ndarray:
        """Decode an image file to uint8 RGB of shape (size, size, 3).

        Raises:
            ImageError: it cannot be used.
        """
        loop = asyncio.get_running_loop()
        pixels = await loop.run_in_executor(self._threads, declared_pixels, content)
        threads = self._threads if pixels <= _LARGE else self._large
        decoded = await loop.run_in_executor(threads, examine, content, size, *self._limits)
        return decoded[0]

    def close(self) -> None:
        """End the threads."""
        for threads in (self._threads, self._large):
            threads.shutdown(wait=False, cancel_futures=True)


def declared_pixels(content: bytes) -> int:
    """Return how many pixels a file says to have, or 0 where it says nothing.

    Raises:
        ImageError: a JPEG has so many scans that it was made to take long.
    """
    # Within a scan the byte 255 is always followed by another than this mark's.
    if content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > _MOST_SCANS:
        raise ImageError(f"too many scans: more than {_MOST_SCANS}")
    with (
        suppress(*DAMAGE, Image.DecompressionBombError),
        Image.open(io.BytesIO(content), formats=FORMATS) as image,
    ):
        return image.width * image.height
    return 0
