"""Each supported family, from a small preset to heat maps and ONNX, with random weights."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from models.hub import presets

from animals10 import files
from animals10.deployment import graph, predictor
from animals10.errors import UserError
from animals10.models import backbones, networks
from animals10.models.hub import network as hub
from animals10.parameters import Augment, Parameters
from animals10.reporting import heatmaps
from animals10.training import execution, features
from animals10.training.batches import Examples
from animals10.training.finetuning import finetune

pytest.importorskip("keras_hub", reason="needs KerasHub: make setup HUB=1")

AUGMENT = Augment(rotation=15, shift=0.1, zoom=0.1, shear=10, flip=True)
COUNT = 6


class Case:
    """A preset's backbone, and images of its size."""

    def __init__(self, family: str, folder: Path) -> None:
        self.family, self.size = family, presets.SIZES[family]
        self.folder = folder
        presets.save(family, folder)
        self.backbone = backbones.build("preset", self.size, folder)
        shape = (COUNT, self.size, self.size, 3)
        self.images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        self.examples = Examples(self.images, np.arange(COUNT) % 2)

    def transfer(self) -> keras.Model:
        channels = self.backbone.output_shape[-1]
        return networks.attach_head(self.backbone, networks.head(channels, 2, 8, 0.5, 30))


@pytest.fixture(
    scope="module",
    params=[
        "DINOV2",
        "ResNet",
        pytest.param("DINOV3", marks=pytest.mark.slow),
        pytest.param("ViT", marks=pytest.mark.slow),
        pytest.param("EfficientNet", marks=pytest.mark.slow),
    ],
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(request.param, tmp_path_factory.mktemp(request.param))


def test_features_are_keras_hubs_own_of_converted_images(case: Case) -> None:
    from keras_hub import layers, models

    shape = {"image_shape": (case.size, case.size, 3)}
    if case.family == "EfficientNet":  # whose argument has another name, and may be any size
        shape = {}
    network = models.Backbone.from_preset(str(case.folder), **shape)
    converter = layers.ImageConverter.from_preset(str(case.folder), image_size=None)
    scaled = converter(case.images)
    outputs = network({name: scaled for name in network.input} if _is_dino(case) else scaled)
    expected = outputs[:, 0] if len(outputs.shape) == 3 else np.mean(outputs, axis=(1, 2))
    computed = features.compute(case.backbone, case.examples, 4, "auto")[0]
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(computed, expected, atol=1e-4)


def _is_dino(case: Case) -> bool:
    return case.family.startswith("DINO")


def test_the_saved_model_is_the_same_bytes_and_predicts_the_same(
    case: Case, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        files.write_model(tmp_path / f"{name}.keras", case.backbone)
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
    loaded = keras.saving.load_model(tmp_path / "one.keras", safe_mode=True)
    expected = case.backbone(case.images.astype("float32"))
    np.testing.assert_array_equal(loaded(case.images.astype("float32")), expected)


def test_finetuning_moves_the_last_blocks_alone_and_is_saved_whole(
    case: Case, values: dict[str, Any], tmp_path: Path
) -> None:
    settings = Parameters.model_validate(values).finetune.model_copy(
        update={"epochs": 1, "unfreeze": "2", "batch_size": 3}
    )
    model = case.transfer()
    base = model.get_layer("backbone")
    before = {weight.path: np.array(weight) for weight in base.weights}
    finetune(model, case.examples, case.examples, settings, AUGMENT, seed=1, folder=tmp_path)
    moved = {w.path for w in base.weights if not np.array_equal(before[w.path], np.array(w))}
    inside = {path for path in moved if any(block in path for block in _last_blocks(case))}
    assert len(inside) >= 4
    assert all("norm" in path or "ln" in path or "top" in path for path in moved - inside)
    assert not [path for path in moved if "moving" in path or "_bn" in path]
    files.write_model(tmp_path / "m.keras", model)
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    images = case.images.astype("float32")
    np.testing.assert_array_equal(loaded(images), model(images))


def _last_blocks(case: Case) -> list[str]:
    """Return what the names of the weights of the last two blocks have."""
    if case.family == "EfficientNet":
        return ["block2a", "block2b"]
    pattern, first = {"ResNet": ("stack0_block{}_", 1), "ViT": ("transformer_block_{}/", 2)}.get(
        case.family, ("layers_{}/", 1)
    )
    return [pattern.format(first), pattern.format(first + 1)]


@pytest.mark.slow
def test_an_interrupted_finetuning_ends_the_same(
    case: Case, values: dict[str, Any], tmp_path: Path
) -> None:
    settings = Parameters.model_validate(values).finetune.model_copy(
        update={"epochs": 2, "unfreeze": "all", "batch_size": 3}
    )

    def train(folder: Path, *callbacks: keras.callbacks.Callback) -> list[np.ndarray]:
        execution.seed_everything(1)
        backbone = backbones.build("preset", case.size, case.folder)
        head = networks.head(backbone.output_shape[-1], 2, 8, 0.5, 30)
        model = networks.attach_head(backbone, head)
        data = (case.examples, case.examples)
        finetune(model, *data, settings, AUGMENT, 1, folder, callbacks=callbacks)
        return list(model.get_weights())

    def stop(epoch: int, logs: dict[str, float]) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    expected = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", keras.callbacks.LambdaCallback(on_epoch_begin=stop))
    for one, other in zip(train(tmp_path / "parts"), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_all_blocks_or_too_many(case: Case) -> None:
    network = hub.find(case.backbone)
    assert network
    backbones.unfreeze(case.backbone, "all")
    every = len(network.trainable_weights)
    backbones.unfreeze(case.backbone, "1")
    assert 0 < len(network.trainable_weights) < every / 2
    with pytest.raises(UserError, match=r"unfreeze = '4' is not allowed: the backbone has 3 bl"):
        backbones.unfreeze(case.backbone, "4")


def test_the_exported_graph_gives_the_same_probabilities(case: Case) -> None:
    model = case.transfer()
    converted = graph.convert(model)
    assert [value.name for value in converted.graph.input] == ["image"]
    session = predictor.open_session(graph.to_bytes(converted, {}))
    found, computed = predictor.run(session, case.images, graph.BASE)
    np.testing.assert_allclose(found, model(case.images.astype("float32")), atol=1e-5)
    assert computed.shape == (COUNT, case.backbone.output_shape[-1])


def test_a_heat_map_is_drawn_by_what_the_network_has(case: Case) -> None:
    model = case.transfer()
    maps = heatmaps.draw(model, case.images, case.examples.labels)
    assert maps.dtype == np.float32
    assert maps.shape == ((COUNT, 10, 10) if case.family.endswith("Net") else (COUNT, 7, 7))
    assert ((maps >= 0) & (maps <= 1)).all()
