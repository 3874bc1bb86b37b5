"""From uploaded files to predictions, within a deadline, by one model."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from animals10.deployment.predictor import Outputs
from animals10.images.decoding import ImageError
from animals10.serving.batching import Batcher
from animals10.serving.decoding import Decoder
from animals10.serving.following import Following, Model
from animals10.serving.metrics import Metrics
from animals10.serving.refusals import Refusal
from animals10.serving.settings import Settings
from animals10.serving.uploads import Upload

Result = TypeVar("Result")
Row = dict[str, Any]  # as `Predictor.describe` returns it, or file and error


@dataclass(frozen=True)
class Predicted:
    """An image, and what a model gives for it: `image` is uint8 RGB, `outputs` has one row."""

    image: np.ndarray
    outputs: Outputs


Outcome = Predicted | ImageError
Record = Callable[[Model, list[Row], list[Predicted]], None]


class Service:
    """All that predicts: what decodes, the batcher, the model that is followed.

    Args:
        settings: the limits.
        wanted: the model, as `choosing.find` takes it.
        record: is called with each request's good predictions, say to log them.

    Raises:
        UserError: there is no such model.
    """

    def __init__(
        self, settings: Settings, wanted: str | None = None, record: Record | None = None
    ) -> None:
        self.settings, self._record = settings, record
        self.metrics = Metrics()
        self.following = Following(wanted, self.metrics.serve)
        self.batcher = Batcher(settings.queue, self.metrics.batch)
        self._decoder = Decoder(settings)
        self.metrics.queue.set_function(lambda: self.batcher.admitted)
        self.metrics.problem.set_function(lambda: bool(self.following.problem))
        self._tasks: list[asyncio.Task[None]] = []
        self.ready = False

    def start(self) -> None:
        """Begin to predict and to follow the model, in the running loop."""
        work = (self.batcher.run(), self.following.follow())
        self._tasks = [asyncio.create_task(each) for each in work]
        self.ready = True

    async def stop(self) -> None:
        """End what `start` began."""
        self.ready = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._decoder.close()

    async def outcomes(
        self, uploads: list[Upload], gone: Awaitable[None] | None = None
    ) -> tuple[Model, list[Outcome]]:
        """Decode and predict files, all by the model that is current now.

        Args:
            uploads: of one request.
            gone: is done when the client has gone; the rest of the work is dropped then.

        Returns:
            The model, and for each file what it gives, or why it cannot be used.

        Raises:
            Refusal: the server is busy, the deadline has passed, or the client has gone.
        """
        model = self.following.current
        with self.batcher.room(len(uploads)):
            work = [self._outcome(model, upload) for upload in uploads]
            return model, await within(work, self.settings.deadline, gone)

    async def _outcome(self, model: Model, upload: Upload) -> Outcome:
        try:
            size = model.predictor.size
            image = await self._decoder.decode(upload.content, size)
        except ImageError as error:
            return error
        return Predicted(image, await self.batcher.predict(model, image))

    async def predict(
        self, uploads: list[Upload], top: int, gone: Awaitable[None] | None = None
    ) -> tuple[Model, list[Row]]:
        """Predict as `outcomes` does, and describe each file as `predict --json` does.

        Args:
            uploads: of one request.
            top: how many classes to name.
            gone: as of `outcomes`.
        """
        model, outcomes = await self.outcomes(uploads, gone)
        return model, self.report(model, uploads, outcomes, top)

    def report(
        self, model: Model, uploads: list[Upload], outcomes: list[Outcome], top: int
    ) -> list[Row]:
        """Describe each file as `describe` does; count and record what is predicted."""
        rows = describe(model, uploads, outcomes, top)
        good = [
            (row, outcome)
            for row, outcome in zip(rows, outcomes, strict=True)
            if isinstance(outcome, Predicted)
        ]
        for row, _ in good:
            self.metrics.predictions.labels(row["class"]).inc()
            self.metrics.unsure.inc(row["unsure"])
        self.metrics.unusable.inc(len(rows) - len(good))
        if self._record and good:
            self._record(model, [row for row, _ in good], [predicted for _, predicted in good])
        return rows


def describe(model: Model, uploads: list[Upload], outcomes: list[Outcome], top: int) -> list[Row]:
    """Return for each file what `predict --json` prints: the prediction, or file and error."""
    return [
        {"file": upload.name, "error": str(outcome)}
        if isinstance(outcome, ImageError)
        else model.predictor.describe(upload.name, outcome.outputs, 0, top)
        for upload, outcome in zip(uploads, outcomes, strict=True)
    ]


async def within(
    work: Iterable[Awaitable[Result]], seconds: float, gone: Awaitable[None] | None = None
) -> list[Result]:
    """Wait for all of some work, but no longer than it is of use; then cancel what is left.

    Raises:
        Refusal: its time is over, or the client has gone.
    """
    parts = [asyncio.ensure_future(each) for each in work]
    whole = asyncio.gather(*parts)
    watch = [] if gone is None else [asyncio.ensure_future(gone)]
    every: list[asyncio.Future[Any]] = [whole, *watch]
    try:
        await asyncio.wait(every, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if whole.done():
            return whole.result()
        left = any(each.done() for each in watch)
    finally:
        for each in (*every, *parts):
            each.cancel()
        # So that none is lost: asyncio would complain.
        await asyncio.gather(*every, *parts, return_exceptions=True)
    if left:
        raise Refusal(499, "the client has gone", "client gone")
    raise Refusal(504, f"not done within {seconds:g} seconds; try again later", "deadline")
