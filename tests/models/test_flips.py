"""A transfer model that averages what it finds in a photo and in its mirror image."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from animals10 import files
from animals10.deployment import graph
from animals10.deployment.predictor import open_session, run
from animals10.models import networks
from animals10.reporting import heatmaps
from animals10.training import execution

SIZE = 32


@pytest.fixture(params=["pooled", "flattened"])
def backbone(request: pytest.FixtureRequest) -> keras.Model:
    """Make a backbone with a spatial layer before its features, or without, as transformers."""
    execution.seed_everything(1)
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(16, 4, strides=4)(layers.Rescaling(1 / 127.5, -1)(image))
    x = layers.Activation("swish")(layers.BatchNormalization()(x))
    if request.param == "pooled":
        features = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 2, strides=2)(x))
    else:
        features = layers.Dense(8)(layers.Flatten()(x))
    return keras.Model(image, features, name="backbone")


def test_flips_are_averaged(backbone: keras.Model, tmp_path: Path) -> None:
    head = networks.head(backbone.output_shape[-1], 3, dense=8, dropout=0.5, feature_length=30)
    averaged = networks.average_flips(networks.attach_head(backbone, head))
    images = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)
    mirrored = images[:, :, ::-1]
    features = [np.asarray(backbone(each.astype("float32"))) for each in (images, mirrored)]
    assert not np.allclose(features[0], features[1], rtol=0.1)
    expected = np.asarray(head(np.mean(features, axis=0)))
    files.write_model(tmp_path / "m.keras", averaged)
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    assert loaded.count_params() == backbone.count_params() + head.count_params()
    fused = execution.prediction_copy(loaded, "auto")
    for model in (averaged, loaded, fused):
        for each in (images, mirrored):
            found = np.asarray(model(each.astype("float32")))
            np.testing.assert_allclose(found, expected, rtol=1e-3)
    session = open_session(graph.to_bytes(graph.convert(loaded), {}))
    np.testing.assert_allclose(run(session, images, graph.BASE[:1])[0], expected, rtol=1e-3)
    labels = np.array([0, 1, 2, 0])
    maps = heatmaps.draw(loaded, images, labels)
    np.testing.assert_allclose(
        heatmaps.draw(loaded, mirrored, labels), maps[:, :, ::-1], rtol=1e-3, atol=1e-5
    )
