"""What the split stage writes: decoded arrays, sample grid, counts."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import picture
from PIL import Image

from animals10 import artifacts, decoding, plots
from animals10.errors import UserError
from animals10.images import decode


def archive(path: Path) -> pd.DataFrame:
    """Write an archive of photos; return a row for each."""
    members = [(f"{name}/{i}.jpg", picture(i)) for name in ("cat", "dog") for i in range(3)]
    begins = artifacts.write_zip(path, members)
    rows = [
        (name, name.split("/")[0], len(content), hashlib.sha256(content).hexdigest())
        for name, content in members
    ]
    return pd.DataFrame(rows, columns=["path", "label", "size", "sha256"]).assign(begin=begins)


def places_of(photos: pd.DataFrame) -> list[decoding.Place]:
    return [*map(decoding.Place, photos["begin"], photos["size"], photos["sha256"])]


def test_decoded_rows_are_in_the_order_of_the_table(tmp_path: Path) -> None:
    photos = archive(tmp_path / "p.zip").set_index("path")
    places = places_of(photos.loc[["dog/2.jpg", "cat/0.jpg"]])
    folder = tmp_path / "train"
    decoding.write_split(folder, tmp_path / "p.zip", np.array([1, 0]), places, 16)
    images, labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
    assert labels.tolist() == [1, 0]
    np.testing.assert_array_equal(images[0], decode(picture(2), 16))
    np.testing.assert_array_equal(images[1], decode(picture(0), 16))


def test_an_archive_that_is_not_the_tables_is_a_mistake(tmp_path: Path) -> None:
    photos = archive(tmp_path / "p.zip")
    photos["begin"] += 1
    places = places_of(photos)
    with pytest.raises(UserError, match=r"p\.zip has no photo with sha256 .* at byte \d+"):
        decoding.write_split(tmp_path / "train", tmp_path / "p.zip", np.zeros(3), places, 16)
    assert not (tmp_path / "train" / "images.npy").exists()


def test_as_many_labels_as_photos_are_asked_for(tmp_path: Path) -> None:
    places = places_of(archive(tmp_path / "p.zip"))
    for count in (len(places) - 1, len(places) + 1):
        with pytest.raises(ValueError, match="argument 2 is"):
            decoding.write_split(tmp_path / "t", tmp_path / "p.zip", np.zeros(count), places, 16)
    assert [*tmp_path.glob("t/*")] == []


def test_samples_show_every_class_about_equally() -> None:
    labels = np.array([0] * 500 + [1] * 30 + [2] * 2)
    rows = plots.pick_samples(labels, seed=1)
    assert len(set(rows)) == 25
    assert labels[rows].tolist() == sorted(labels[rows])
    counts = np.bincount(labels[rows])
    assert counts[2] == 2
    assert abs(counts[0] - counts[1]) <= 1


def test_the_sample_grid_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (25, 8, 8, 3), dtype=np.uint8)
    for name in ("a.png", "b.png"):
        plots.write_samples(tmp_path / name, images, [f"class {i}" for i in range(25)])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as grid:
        assert min(grid.size) > 500


def test_class_names_are_no_formulas(tmp_path: Path) -> None:
    images = np.zeros((25, 8, 8, 3), np.uint8)
    for name, title in (("a.png", "$x$"), ("b.png", "x"), ("c.png", "$_$")):  # the last is none
        plots.write_samples(tmp_path / name, images, [title] * 25)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    table = pd.DataFrame({"actual": ["$_$", "cat"], "predicted": ["$_$", "cat"]})
    figure = plots.confusion_figure(table, ["$_$", "cat"], "title")
    figure.savefig(tmp_path / "d.png")
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["$_$", "cat"]


def test_images_are_counted_per_class_and_split() -> None:
    splits = pd.DataFrame({"label": ["a", "a", "b"], "split": ["train", "train", "test"]})
    assert plots.images_per_class(splits).to_dict("records") == [
        {"label": "a", "split": "train", "images": 2},
        {"label": "b", "split": "test", "images": 1},
    ]
