"""Heat maps on real photos: what they mark as important is what the model needs."""

import io
from pathlib import Path
from typing import NamedTuple

import cv2
import keras
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from scipy.stats import spearmanr

from animals10 import parameters
from animals10.data.archives import open_archive
from animals10.models import backbones, networks, weights
from animals10.parameters import Backbone, Parameters
from animals10.reporting.heatmaps import class_activation_maps
from animals10.training import features
from animals10.training.batches import Examples
from animals10.training.execution import prediction_copy, seed_everything
from animals10.training.finetuning import finetune

PHOTOS = ROOT.parent / "shared/data/animals10-224.zip"
EVERY = 12  # so many of the photos are left out for each that is taken
HELD_OUT = 400  # photos that no model is trained on
BACKBONES = {
    "cnn": None,
    "frozen": "EfficientNetLite2",
    "frozen, smaller": "EfficientNetLite0",
    "finetuned": "EfficientNetLite2",
}
SHOWN = slice(24, 120)  # the first 24 photos decided what the tests demand
STEPS = np.linspace(0, 1, 11)  # fractions of the pixels

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not PHOTOS.is_file(), reason="no ../shared"),
]


class Case(NamedTuple):
    """A model, photos that it was not trained on and has right, and a copy that predicts faster."""

    model: keras.Model
    images: np.ndarray
    labels: np.ndarray
    copy: keras.Model


@pytest.fixture(scope="module", params=BACKBONES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Train a model."""
    seed_everything(1)
    params, backbone = parameters.load(ROOT / "params.yaml"), BACKBONES[request.param]
    photos = read_photos(parameters.OWN_IMAGE[backbone] if backbone else params.image_size)
    train = Examples(photos.inputs[HELD_OUT:], photos.labels[HELD_OUT:])
    images, labels = photos.inputs[:HELD_OUT], photos.labels[:HELD_OUT]
    if backbone is None:
        model = train_cnn(train, params)
    else:
        folder = tmp_path_factory.mktemp("training")
        model = train_head(train, backbone, folder)
        if request.param == "finetuned":
            settings = params.finetune.model_copy(update={"epochs": 1})
            held_out = Examples(images, labels)
            finetune(model, train, held_out, settings, params.augment, 1, folder)
    copy = prediction_copy(model, "auto")
    right = np.flatnonzero(copy.predict(images, batch_size=32, verbose=0).argmax(1) == labels)
    rows = right[SHOWN]
    assert len(rows) == 96
    return Case(model, images[rows], labels[rows], copy)


def read_photos(side: int) -> Examples:
    """Read every twelfth photo, in random order."""
    images, names = [], []
    with PHOTOS.open("rb") as file, open_archive(file, PHOTOS.name) as entries:
        for number, entry in enumerate(entries):
            if number % EVERY == 0 and entry.name.endswith(".webp"):
                photo = Image.open(io.BytesIO(entry.read())).convert("RGB")
                images.append(np.asarray(photo.resize((side, side))))
                names.append(Path(entry.name).parent.name)
    order = np.random.default_rng(0).permutation(len(names))
    return Examples(np.stack(images)[order], np.unique(names, return_inverse=True)[1][order])


def train_cnn(train: Examples, params: Parameters) -> keras.Model:
    model = networks.cnn(params.image_size, 10, params.train_cnn)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(train.inputs, train.labels, epochs=6, verbose=0)
    return model


def train_head(train: Examples, name: str, folder: Path) -> keras.Model:
    backbone = Backbone.model_validate({"name": name, "weights": "package"})
    weights.provide(backbone, folder / "weights")
    side = train.inputs.shape[1]
    body = backbones.build(name, side, weights.provided(folder / "weights"))
    computed = features.compute(body, train, 32, "auto")[0]
    head = networks.head(computed.shape[1], 10, dense=128, dropout=0.5, feature_length=30)
    head.compile("adam", "sparse_categorical_crossentropy")
    head.fit(computed, train.labels, epochs=10, verbose=0)
    return networks.attach_head(body, head)


def marked(case: Case) -> np.ndarray:
    """Return the maps, some at a time: a model keeps all layers' outputs of its images."""
    parts = [slice(start, start + 16) for start in range(0, len(case.images), 16)]
    return np.concatenate(
        [class_activation_maps(case.model, case.images[part], case.labels[part]) for part in parts]
    )


def area(case: Case, maps: np.ndarray, insert: bool) -> float:
    """Return the mean probability while the most important pixels come first, or go first.

    Source: Petsiuk et al., RISE, BMVC 2018. What is absent is blurred.
    """
    images, labels = case.images, case.labels
    side = images.shape[1]
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), side / 19) for image in images])
    large = np.stack([cv2.resize(each, (side, side)) for each in maps.astype("float32")])
    ranks = large.reshape(len(maps), -1).argsort(axis=1).argsort(axis=1) / side**2
    first = (1 - ranks).reshape(-1, side, side, 1)
    found = []
    for step in STEPS:
        changed = first <= step
        mixed = np.where(changed == insert, images, blurred)
        probabilities = case.copy.predict(mixed, batch_size=32, verbose=0)
        found.append(probabilities[np.arange(len(labels)), labels].mean())
    return float(np.mean(found))


def blobs(maps: np.ndarray) -> np.ndarray:
    """Return as many maps of the same size that mark the centre."""
    distance = np.linspace(-1, 1, maps.shape[1])
    blob = np.exp(-(distance[:, None] ** 2 + distance**2))
    return np.repeat(blob[None], len(maps), axis=0)


def test_the_model_needs_what_the_map_marks(case: Case) -> None:
    maps = marked(case)
    others = {"random": np.random.default_rng(0).random(maps.shape), "centre": blobs(maps)}
    deletion, insertion = area(case, maps, insert=False), area(case, maps, insert=True)
    print(f"deletion {deletion:.3f}, insertion {insertion:.3f}")
    for name, other in others.items():
        worse = area(case, other, insert=False), area(case, other, insert=True)
        print(f"{name}: deletion {worse[0]:.3f}, insertion {worse[1]:.3f}")
        assert deletion < worse[0] - 0.01
        assert insertion > worse[1] + 0.02


def test_the_map_agrees_with_occlusion(case: Case) -> None:
    """Covering a cell costs the odds that the cell brings; more than the centre agrees."""
    images, labels = case.images, case.labels
    maps = marked(case)
    rows, cell = np.arange(len(images)), images.shape[1] // maps.shape[1]

    def log_odds(pixels: np.ndarray) -> np.ndarray:  # which a probability of nearly 1 has too
        probabilities = case.copy.predict(pixels, verbose=0).astype("float64")
        own = probabilities[rows, labels].copy()
        probabilities[rows, labels] = 0
        return np.log(own) - np.log(probabilities.sum(axis=1))

    before = log_odds(images)
    costs = np.zeros(maps.shape)
    for row, column in np.ndindex(maps.shape[1:]):
        covered = images.copy()
        top, left = max(row * cell - cell // 2, 0), max(column * cell - cell // 2, 0)
        covered[:, top : top + 2 * cell, left : left + 2 * cell] = 128
        costs[:, row, column] = before - log_odds(covered)

    def agreement(maps: np.ndarray) -> float:
        pairs = zip(costs, maps, strict=True)
        return float(
            np.mean([spearmanr(one.ravel(), other.ravel()).statistic for one, other in pairs])
        )

    found, centre = agreement(maps), agreement(blobs(maps))
    print(f"rank correlation with occlusion {found:.3f}, of the centre {centre:.3f}")
    assert found > max(0.25, centre + 0.03)
