"""Heat maps by occlusion, of a real model."""

import asyncio
from pathlib import Path

import numpy as np
from conftest import picture

from animals10.serving import heatmap
from animals10.serving.service import Predicted, Service
from animals10.serving.settings import Settings
from animals10.serving.uploads import Upload


def test_each_copy_has_another_patch_grey_and_together_they_are_all() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    grey = np.stack([copy == 127 for copy in heatmap.covered(image)])
    assert grey.shape == (49, 32, 32, 3)
    assert (grey.sum(axis=0) == 1).all()
    assert grey[1][0].any()
    assert not grey[1][-1].any()  # the second is in the first row
    assert not image.any()


def test_a_map_has_the_falls_of_the_probability(finished: Path) -> None:
    service = Service(Settings(), str(finished / "models/cnn.onnx"))
    predictor = service.following.current.predictor

    async def work() -> tuple[Predicted, np.ndarray]:
        service.start()
        upload = Upload("a.jpg", bytearray(picture(1)))
        model, (predicted,) = await service.outcomes([upload])
        assert isinstance(predicted, Predicted)
        falls = await heatmap.explain(service, model, predicted)
        await service.stop()
        return predicted, falls

    predicted, falls = asyncio.run(work())
    before = predictor.predict(predicted.image[None]).probabilities[0]
    after = predictor.predict(np.stack(heatmap.covered(predicted.image))).probabilities
    expected = (before - after)[:, before.argmax()].reshape(7, 7)
    assert np.abs(falls - expected).max() < 1e-5


def test_the_patch_that_decides_is_red() -> None:
    falls = np.full((7, 7), -0.1, np.float32)
    falls[0, 6] = 0.5
    shown = np.asarray(heatmap.overlaid(np.full((70, 70, 3), 100, np.uint8), falls)).astype(int)
    redness = shown[..., 0] - shown[..., 2]
    assert redness[5, 65] > 60
    assert abs(redness[35:, :35]).max() == 0
