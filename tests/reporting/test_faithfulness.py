"""Heat maps on real photos: what they mark as important is what the model needs."""

import io
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from scipy.stats import spearmanr

from animals10.data.archives import open_archive
from animals10.models import backbones, networks, weights
from animals10.parameters import Backbone
from animals10.reporting.heatmaps import class_activation_maps
from animals10.training.execution import seed_everything

PHOTOS = ROOT.parent / "shared/data/animals10-mini.zip"
SIDE, CELLS = 224, 7
SHOWN = slice(24, 72)  # the first 24 photos decided what the tests demand
STEPS = np.linspace(0, 1, 11)  # fractions of the pixels

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not PHOTOS.is_file(), reason="no ../shared"),
]
Case = tuple[keras.Model, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Train a head on ImageNet's features; return it with test photos that it has right."""
    seed_everything(1)
    images, names = [], []
    with PHOTOS.open("rb") as file, open_archive(file, PHOTOS.name) as entries:
        for entry in entries:
            if entry.name.lower().endswith((".jpg", ".jpeg", ".png")):
                photo = Image.open(io.BytesIO(entry.read())).convert("RGB")
                images.append(np.asarray(photo.resize((SIDE, SIDE))))
                names.append(Path(entry.name).parent.name)
    order = np.random.default_rng(0).permutation(len(names))
    pixels, labels = np.stack(images)[order], np.unique(names, return_inverse=True)[1][order]
    folder = tmp_path_factory.mktemp("weights")
    weights.provide(
        Backbone.model_validate({"name": "EfficientNetLite0", "weights": "package"}), folder
    )
    backbone = backbones.build("EfficientNetLite0", SIDE, weights.provided(folder))
    features = backbone.predict(pixels, batch_size=32, verbose=0)
    head = networks.head(features.shape[1], 10, dense=128, dropout=0.5, feature_length=30)
    head.compile("adam", "sparse_categorical_crossentropy")
    head.fit(features[:400], labels[:400], epochs=10, verbose=0)
    right = head.predict(features[400:], verbose=0).argmax(axis=1) == labels[400:]
    assert right.mean() > 0.8
    rows = 400 + np.flatnonzero(right)[SHOWN]
    return networks.attach_head(backbone, head), pixels[rows], labels[rows]


def area(case: Case, maps: np.ndarray, insert: bool) -> float:
    """Return the mean probability while the most important pixels come first, or go first.

    Source: Petsiuk et al., RISE, BMVC 2018. What is absent is blurred.
    """
    model, images, labels = case
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), 12) for image in images])
    large = np.stack([cv2.resize(each, (SIDE, SIDE)) for each in maps.astype("float32")])
    ranks = large.reshape(len(maps), -1).argsort(axis=1).argsort(axis=1) / SIDE**2
    first = (1 - ranks).reshape(-1, SIDE, SIDE, 1)
    found = []
    for step in STEPS:
        changed = first <= step
        mixed = np.where(changed == insert, images, blurred)
        probabilities = model.predict(mixed, batch_size=32, verbose=0)
        found.append(probabilities[np.arange(len(labels)), labels].mean())
    return float(np.mean(found))


def blob() -> np.ndarray:
    distance = np.arange(CELLS) - CELLS // 2
    return np.exp(-(distance[:, None] ** 2 + distance**2) / 8)


def test_the_model_needs_what_the_map_marks(case: Case) -> None:
    _, images, labels = case
    maps = class_activation_maps(*case)
    others = {
        "random": np.random.default_rng(0).random((len(images), CELLS, CELLS)),
        "centre": np.repeat(blob()[None], len(images), axis=0),
    }
    deletion, insertion = area(case, maps, insert=False), area(case, maps, insert=True)
    print(f"deletion {deletion:.3f}, insertion {insertion:.3f}")
    for name, other in others.items():
        worse = area(case, other, insert=False), area(case, other, insert=True)
        print(f"{name}: deletion {worse[0]:.3f}, insertion {worse[1]:.3f}")
        assert deletion < worse[0] - 0.01
        assert insertion > worse[1] + 0.02


def test_the_map_agrees_with_occlusion(case: Case) -> None:
    """Covering a cell costs the probability that the cell brings; more than the centre agrees."""
    model, images, labels = case
    rows, cell = np.arange(len(images)), SIDE // CELLS
    before = np.log(model.predict(images, verbose=0)[rows, labels])
    costs = np.zeros((len(images), CELLS, CELLS))
    for row, column in np.ndindex(CELLS, CELLS):
        covered = images.copy()
        top, left = max(row * cell - cell // 2, 0), max(column * cell - cell // 2, 0)
        covered[:, top : top + 2 * cell, left : left + 2 * cell] = 128
        costs[:, row, column] = before - np.log(model.predict(covered, verbose=0)[rows, labels])

    def agreement(maps: np.ndarray) -> float:
        pairs = zip(costs, maps, strict=True)
        return float(
            np.mean([spearmanr(one.ravel(), other.ravel()).statistic for one, other in pairs])
        )

    found = agreement(class_activation_maps(*case))
    centre = agreement(np.repeat(blob()[None], len(images), axis=0))
    print(f"rank correlation with occlusion {found:.3f}, of the centre {centre:.3f}")
    assert found > max(0.25, centre + 0.03)
