"""What the split stage writes: decoded arrays, sample grid, counts."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import picture
from PIL import Image

from animals10 import files
from animals10.data import decoding, pictures
from animals10.errors import UserError
from animals10.images.decoding import decode


def archive(path: Path) -> pd.DataFrame:
    """Write an archive of photos; return a row for each, with its class's index as label."""
    members = [(f"{name}/{i}.jpg", picture(i)) for name in ("cat", "dog") for i in range(3)]
    files.write_zip(path, members)
    rows = [
        (name, int(name[:3] == "dog"), len(content), hashlib.sha256(content).hexdigest())
        for name, content in members
    ]
    return pd.DataFrame(rows, columns=["path", "label", "size", "sha256"])


def test_decoded_rows_are_in_the_order_of_the_table(tmp_path: Path) -> None:
    photos = archive(tmp_path / "p.zip").iloc[[5, 0]]
    folder = tmp_path / "train"
    decoding.write_split(folder, tmp_path / "p.zip", photos, 16)
    images, labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
    assert (labels.dtype, labels.tolist()) == (np.int64, [1, 0])
    np.testing.assert_array_equal(images, [decode(picture(2), 16), decode(picture(0), 16)])


@pytest.mark.parametrize(("column", "value"), [("sha256", "0" * 64), ("path", "cat/7.jpg")])
def test_an_archive_that_is_not_the_tables_is_a_mistake(
    column: str, value: str, tmp_path: Path
) -> None:
    photos = archive(tmp_path / "p.zip")
    photos.loc[4, column] = value
    with pytest.raises(UserError, match=r"p\.zip has no photo '.*' with the sha256 in the table"):
        decoding.write_split(tmp_path / "train", tmp_path / "p.zip", photos, 16)
    assert not (tmp_path / "train" / "images.npy").exists()


def test_a_damaged_archive_is_a_mistake(tmp_path: Path) -> None:
    photos = archive(tmp_path / "p.zip")
    content = bytearray((tmp_path / "p.zip").read_bytes())
    content[200] ^= 1
    (tmp_path / "p.zip").write_bytes(content)
    with pytest.raises(UserError, match="run `make refetch`"):
        decoding.write_split(tmp_path / "train", tmp_path / "p.zip", photos, 16)


def test_samples_show_every_class_about_equally() -> None:
    labels = np.array([0] * 500 + [1] * 30 + [2] * 2)
    rows = pictures.pick_samples(labels, seed=1)
    assert len(set(rows)) == 25
    assert labels[rows].tolist() == sorted(labels[rows])
    counts = np.bincount(labels[rows])
    assert counts[2] == 2
    assert abs(counts[0] - counts[1]) <= 1


def test_the_sample_grid_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (25, 8, 8, 3), dtype=np.uint8)
    classes = [f"class {i}" for i in range(25)]
    for name in ("a.png", "b.png"):
        pictures.write_samples(tmp_path / name, images, np.arange(25), classes, seed=1)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as grid:
        assert min(grid.size) > 500


def test_class_names_are_no_formulas(tmp_path: Path) -> None:
    images = np.zeros((25, 8, 8, 3), np.uint8)
    for name, title in (("a.png", "$x$"), ("b.png", "x"), ("c.png", "$_$")):  # the last is none
        pictures.write_samples(tmp_path / name, images, np.zeros(25, int), [title], seed=1)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_images_are_counted_per_class_and_split() -> None:
    splits = pd.DataFrame({"label": ["a", "a", "b"], "split": ["train", "train", "test"]})
    assert pictures.images_per_class(splits).to_dict("records") == [
        {"label": "a", "split": "train", "images": 2},
        {"label": "b", "split": "test", "images": 1},
    ]
