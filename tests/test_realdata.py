"""The library, photo to head, on real photos and ImageNet weights; skipped where they are not."""

import io
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image, ImageOps

from animals10 import (
    artifacts,
    backbones,
    decoding,
    efficientnet_lite,
    models,
    similarity,
    splitting,
    torch_file,
    weights,
)
from animals10.archives import open_archive
from animals10.arrays import Batches, Examples, load_split
from animals10.fetching import Photo, Verdicts, judge
from animals10.inference import Predictor
from animals10.outcome import best_epoch
from animals10.parameters import Backbone, Parameters
from animals10.seeding import seed_everything
from animals10.training import compile_model, fit

PHOTOS = ROOT.parent / "shared/data/animals10-mini.zip"
WEIGHTS = ROOT.parent / "shared/weights/efficientnetb0_imagenet_notop.weights.h5"

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not PHOTOS.is_file() or not WEIGHTS.is_file(), reason="no ../shared"),
]


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Examples]:
    """Decode 600 photos of ten classes, split 0.7, 0.15, 0.15."""
    folder = tmp_path_factory.mktemp("real")
    verdicts = Verdicts()
    with PHOTOS.open("rb") as file, open_archive(file, PHOTOS.name) as entries:
        begins = artifacts.write_zip(folder / "photos.zip", judge(entries, 24, verdicts))
    assert verdicts.rejected == []
    photos = pd.DataFrame(verdicts.photos, columns=Photo._fields).assign(begin=begins)
    pinned = splitting.read_pinned(ROOT / "pinned" / "none.csv")
    columns = ("sha256", "phash", "mirrored")
    hashes = similarity.Hashes(*(similarity.bits(photos[column]) for column in columns))
    photos, pinned, names, _ = similarity.add_groups(photos, hashes, pinned, 56)
    table = splitting.assign(photos, pinned, names, 0.15, 0.15, seed=1)
    classes = sorted(table["label"].unique())
    for split, members in table.groupby("split"):
        path = folder / str(split)
        labels = members["label"].map(classes.index).to_numpy()
        places = map(decoding.Place, members["begin"], members["size"], members["sha256"])
        decoding.write_split(path, folder / "photos.zip", labels, places, 128)
    return {path.name: load_split(path) for path in folder.iterdir() if path.is_dir()}


def head_accuracy(splits: dict[str, Examples], values: dict[str, Any], scale: float) -> float:
    seed_everything(1)
    backbone = backbones.build("EfficientNetB0", 128, WEIGHTS.resolve())
    # Batches refuse scaled images, so the mistake is made inside the model.
    scaled = keras.Sequential([keras.Input((128, 128, 3)), keras.layers.Rescaling(scale), backbone])
    seen = {
        name: Examples(Predictor(scaled).predict(Batches(data, 64, shuffle=False)), data.labels)
        for name, data in splits.items()
    }
    head = models.head(1280, 10, dense=128, dropout=0.5)
    settings = Parameters.model_validate(values).train_frozen
    compile_model(head, settings)
    with tempfile.TemporaryDirectory() as folder:
        batches = Batches(seen["train"], 32, seed=1)
        history = fit(head, batches, seen["validation"], settings, Path(folder))
    return best_epoch(history)["val_accuracy"]


def test_the_right_input_range_transfers_and_the_studys_does_not(
    splits: dict[str, Examples], values: dict[str, Any]
) -> None:
    right = head_accuracy(splits, values, scale=1)
    wrong = head_accuracy(splits, values, scale=1 / 255)
    assert right > 0.8
    assert wrong < right - 0.3


@pytest.mark.parametrize("name", ["EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2"])
def test_the_packages_own_classifier_knows_the_animals(name: str) -> None:
    """By ImageNet's numbers of dogs, cats, hens and elephants."""
    groups = {
        "cane": range(151, 269), "gatto": range(281, 286), "gallina": (7, 8),
        "elefante": (101, 385, 386),
    }  # fmt: skip
    path = weights.find(Backbone.model_validate({"name": name, "weights": "package"}))
    assert path
    size = efficientnet_lite.SCALES[name].image_size
    network = efficientnet_lite.build(name, keras.Input((size, size, 3)), classes=1000)
    efficientnet_lite.assign(network, torch_file.read(path))
    images, labels = [], []
    with PHOTOS.open("rb") as file, open_archive(file, PHOTOS.name) as entries:
        for entry in entries:
            if (label := Path(entry.name).parent.name) in groups:
                photo = Image.open(io.BytesIO(entry.read())).convert("RGB")
                images.append(np.asarray(ImageOps.fit(photo, (size, size))))
                labels.append(label)
    assert len(images) == 240
    found = network.predict(np.stack(images), batch_size=32, verbose=0).argmax(axis=1)
    right = [number in groups[label] for number, label in zip(found, labels, strict=True)]
    assert np.mean(right) > 0.85
