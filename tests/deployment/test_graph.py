"""Every backbone becomes a graph of images alone, with Keras's probabilities.

ResNet152 takes 17 GB of memory, so that two of the slow tests at once may have too little.
"""

import keras
import numpy as np
import pytest
from keras import layers

from animals10.deployment import graph
from animals10.deployment.predictor import open_session, run
from animals10.models import backbones, networks
from animals10.parameters import BACKBONES, SMALLEST_IMAGE
from animals10.training import execution

QUICK = {"VGG16"}  # and it subtracts constants, as ResNet50 does; the others take minutes


def assert_same(backbone: keras.Model) -> None:
    head = networks.head(backbone.output_shape[-1], 3, dense=8, dropout=0.5, feature_length=30)
    model = networks.attach_head(backbone, head)
    shape = (3, *backbone.input_shape[1:])
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    converted = graph.convert(model)
    assert [value.name for value in converted.graph.input] == ["image"]
    probabilities, features = run(open_session(graph.to_bytes(converted, {})), images, graph.BASE)
    np.testing.assert_allclose(probabilities, model(images.astype("float32")), atol=1e-5)
    assert features.shape == (3, backbone.output_shape[-1])


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in BACKBONES],
)
def test_a_backbone_keeps_its_probabilities(name: str) -> None:
    execution.seed_everything(1)
    assert_same(backbones.build(name, SMALLEST_IMAGE.get(name, 32)))


def test_convolutions_of_groups_keep_theirs() -> None:
    """As in ConvNeXt; Keras has XLA compile them."""
    execution.seed_everything(1)
    image = keras.Input((32, 32, 3))
    x = layers.Normalization(mean=[120.0, 110.0, 100.0], variance=[3000.0] * 3)(image)
    x = layers.Conv2D(8, 3, groups=8)(layers.Conv2D(8, 4, strides=4)(x))
    features = layers.GlobalAveragePooling2D()(x)
    assert_same(keras.Model(image, features, name="backbone"))
