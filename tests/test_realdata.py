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

from animals10 import files
from animals10.data import decoding, near_duplicates, splitting
from animals10.data.archives import open_archive
from animals10.data.scanning import Photo, ScanResult, scan
from animals10.models import backbones, efficientnet_lite, networks, torch_file, weights
from animals10.parameters import OWN_IMAGE, Backbone, Parameters
from animals10.training import execution
from animals10.training.batches import Batches, Examples, load_split
from animals10.training.execution import seed_everything
from animals10.training.fitting import compile_model, fit

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
    result = ScanResult()
    with PHOTOS.open("rb") as file, open_archive(file, PHOTOS.name) as entries:
        files.write_zip(folder / "photos.zip", scan(entries, 24, result))
    assert result.rejected == []
    photos = pd.DataFrame(result.photos, columns=Photo._fields)
    pinned = splitting.read_pinned(ROOT / "pinned" / "none.csv")
    grouped = near_duplicates.add_groups(photos, pinned, 56)
    table = splitting.assign(grouped.photos, pinned, 0.15, 0.15, seed=1)
    table["label"], _ = pd.factorize(table["label"], sort=True)
    for split, members in table.groupby("split"):
        decoding.write_split(folder / str(split), folder / "photos.zip", members, 128)
    return {path.name: load_split(path) for path in folder.iterdir() if path.is_dir()}


def head_accuracy(splits: dict[str, Examples], values: dict[str, Any], scale: float) -> float:
    seed_everything(1)
    backbone = backbones.build("EfficientNetB0", 128, WEIGHTS.resolve())
    # Batches refuse scaled images, so the mistake is made inside the model.
    scaled = keras.Sequential([keras.Input((128, 128, 3)), keras.layers.Rescaling(scale), backbone])
    seen = {
        name: Examples(
            execution.predict(scaled, Batches(data, 64, shuffle=False), "auto"), data.labels
        )
        for name, data in splits.items()
    }
    head = networks.head(1280, 10, dense=128, dropout=0.5)
    settings = Parameters.model_validate(values).train_frozen
    with tempfile.TemporaryDirectory() as folder:
        batches = Batches(seen["train"], 32, seed=1)
        compile_model(head, settings, len(batches))
        history = fit(head, batches, seen["validation"], settings, Path(folder))
    return float(history["val_accuracy"].iloc[history["val_loss"].to_numpy().argmin()])


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
    size = OWN_IMAGE[name]
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
