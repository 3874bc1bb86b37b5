"""Which images are predicted together, and in what order."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import numpy as np
import pytest

from animals10.deployment.predictor import BATCH, Outputs
from animals10.serving.batching import Batcher
from animals10.serving.following import Model, load
from animals10.serving.refusals import Refusal


@pytest.fixture(scope="module")
def model(finished: Path) -> Model:
    return load(finished / "models/cnn.onnx")


def drawn(model: Model, number: int) -> np.ndarray:
    size = model.predictor.size
    return np.random.default_rng(number).integers(0, 256, (size, size, 3), np.uint8)


async def predicted(batcher: Batcher, *waiting: Awaitable[Outputs]) -> list[Outputs]:
    """Let all wait first, and only then begin to predict."""
    tasks = [asyncio.ensure_future(each) for each in waiting]
    await asyncio.sleep(0)
    worker = asyncio.create_task(batcher.run())
    try:
        return await asyncio.gather(*tasks)
    finally:
        worker.cancel()


def test_what_waits_is_predicted_together_and_each_has_its_own_row(model: Model) -> None:
    sizes: list[int] = []
    batcher = Batcher(64, lambda images, _: sizes.append(images))
    images = [drawn(model, number) for number in range(20)]
    found = asyncio.run(predicted(batcher, *(batcher.predict(model, image) for image in images)))
    assert sizes == [BATCH, 4]
    expected = model.predictor.predict(np.stack(images)).probabilities
    rows = np.concatenate([outputs.probabilities for outputs in found])
    assert np.abs(rows - expected).max() < 1e-5


def test_each_is_predicted_by_the_model_of_its_request(finished: Path, model: Model) -> None:
    other = load(finished / "models/frozen.onnx")
    sizes: list[int] = []
    batcher = Batcher(64, lambda images, _: sizes.append(images))
    models = [model, model, other, model]
    waiting = [batcher.predict(each, drawn(each, 1)) for each in models]
    found = asyncio.run(predicted(batcher, *waiting))
    assert sizes == [2, 1, 1]
    for each, outputs in zip(models, found, strict=True):
        expected = each.predictor.predict(drawn(each, 1)[None]).probabilities
        assert np.abs(outputs.probabilities - expected).max() < 1e-5


def test_the_background_goes_last(model: Model) -> None:
    order: list[str] = []
    batcher = Batcher(64, lambda images, _: order.append(str(images)))
    behind = [batcher.predict(model, drawn(model, 1), background=True) for _ in range(20)]
    asyncio.run(
        predicted(batcher, *behind, *(batcher.predict(model, drawn(model, 1)) for _ in "ab"))
    )
    assert order == ["2", str(BATCH), "4"]


def test_what_nobody_waits_for_is_not_predicted(model: Model) -> None:
    sizes: list[int] = []
    batcher = Batcher(64, lambda images, _: sizes.append(images))

    async def work() -> None:
        gone = asyncio.ensure_future(batcher.predict(model, drawn(model, 1)))
        await asyncio.sleep(0)
        gone.cancel()
        await predicted(batcher, batcher.predict(model, drawn(model, 2)))

    asyncio.run(work())
    assert sizes == [1]


def test_a_failure_is_that_of_its_batch_alone(finished: Path, model: Model) -> None:
    batcher, again = Batcher(64, lambda *_: None), load(finished / "models/cnn.onnx")

    async def work() -> None:
        small, batch = np.zeros((7, 7, 3), np.uint8), [drawn(model, 1), drawn(again, 2)]
        waiting = [(model, small), (model, batch[0]), (again, batch[1])]
        tasks = [asyncio.ensure_future(batcher.predict(*each)) for each in waiting]
        await asyncio.sleep(0)
        worker = asyncio.create_task(batcher.run())
        found = await asyncio.gather(*tasks, return_exceptions=True)
        worker.cancel()
        assert [isinstance(each, Exception) for each in found] == [True, True, False]

    asyncio.run(work())


def test_no_more_images_than_allowed_are_admitted(model: Model) -> None:
    async def work() -> None:
        batcher = Batcher(16, lambda *_: None)
        with batcher.room(10), batcher.room(6):
            assert batcher.admitted == 16
            with pytest.raises(Refusal, match="busy"), batcher.room(1):
                pass
            with batcher.room(16, background=True):
                pass
        assert batcher.admitted == 0

    asyncio.run(work())
