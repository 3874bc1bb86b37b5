"""Micro-batches: what arrives while the model computes is its next batch."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from animals10.deployment.predictor import BATCH, Outputs
from animals10.serving.following import Model
from animals10.serving.refusals import Refusal
from animals10.serving.threads import workers

Seen = Callable[[int, float], None]  # images of a batch, and its seconds


@dataclass
class _Item:
    """An image that waits for the model of its request."""

    model: Model
    image: np.ndarray
    outputs: "asyncio.Future[Outputs]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Batcher:
    """One worker that predicts what waits, up to `BATCH` images at once, first come first served.

    It never waits for a batch to fill, so a lonely image is predicted at once. Background images
    are predicted when no others wait.

    Args:
        most: images that may be admitted at once, decoded or not; of background images as well.
        seen: is called after each batch.
    """

    def __init__(self, most: int, seen: Seen) -> None:
        self._most, self._seen = most, seen
        self._admitted = {False: 0, True: 0}
        self._waiting: deque[_Item] = deque()
        self._background: deque[_Item] = deque()
        self._arrived = asyncio.Event()
        self._thread = workers(1, "predict")

    @property
    def admitted(self) -> int:
        """The images that are admitted and not finished."""
        return self._admitted[False]

    @contextmanager
    def room(self, images: int, background: bool = False) -> Iterator[None]:
        """Admit images for the length of the block.

        Raises:
            Refusal: there is no room for them now.
        """
        if self._admitted[background] + images > self._most:
            raise Refusal(503, "the server is busy; try again", "queue full")
        self._admitted[background] += images
        try:
            yield
        finally:
            self._admitted[background] -= images

    async def predict(self, model: Model, image: np.ndarray, background: bool = False) -> Outputs:
        """Predict one image of `room`; cancelled before its batch begins, it is not predicted.

        Args:
            model: that its request has seen.
            image: uint8 RGB of shape (size, size, 3), of the model's size.
            background: whether all others go first.

        Returns:
            Outputs with one row.
        """
        item = _Item(model, image)
        (self._background if background else self._waiting).append(item)
        self._arrived.set()
        return await item.outputs

    async def run(self) -> None:
        """Predict batch after batch, until cancelled."""
        try:
            while True:
                batch = self._take()
                if batch:
                    await self._finish(batch)
                else:
                    self._arrived.clear()
                    await self._arrived.wait()
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _take(self) -> list[_Item]:
        """Return the next images of one model, without those that nobody waits for any longer."""
        for queue in (self._waiting, self._background):
            batch: list[_Item] = []
            while queue and len(batch) < BATCH:
                if queue[0].outputs.done():
                    queue.popleft()
                elif batch and queue[0].model is not batch[0].model:
                    break
                else:
                    batch.append(queue.popleft())
            if batch:
                return batch
        return []

    async def _finish(self, batch: list[_Item]) -> None:
        loop, begin = asyncio.get_running_loop(), time.perf_counter()
        predict = batch[0].model.predictor.predict
        try:
            images = np.stack([item.image for item in batch])
            outputs = await loop.run_in_executor(self._thread, predict, images)
        except Exception as error:  # ONNX Runtime has many kinds, say when memory is short
            for item in batch:
                if not item.outputs.done():
                    item.outputs.set_exception(error)
            return
        self._seen(len(batch), time.perf_counter() - begin)
        for row, item in enumerate(batch):
            if not item.outputs.done():
                item.outputs.set_result(Outputs(*(array[row : row + 1] for array in outputs)))
