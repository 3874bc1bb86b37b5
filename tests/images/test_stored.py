"""Photos decoded when they are read are the very pixels of those decoded ahead."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import picture

from animals10 import files
from animals10.data.decoding import write_split
from animals10.errors import UserError
from animals10.images.stored import ArchivedImages, read_split


def fetch(folder: Path, names: list[str]) -> pd.DataFrame:
    """Write an archive of six photos of these names, and its table, as the stage does."""
    contents = [picture(number) for number in range(6)]
    files.write_zip(folder / "photos.zip", zip(names, contents, strict=True))
    hashes = [hashlib.sha256(content).hexdigest() for content in contents]
    photos = pd.DataFrame({"path": names, "sha256": hashes, "size": list(map(len, contents))})
    files.write_csv(folder / "photos.csv", photos)
    return photos.assign(label=[0, 1] * 3)


def test_both_ways_give_the_same_rows(tmp_path: Path) -> None:
    photos = fetch(tmp_path, list("abcdef")).iloc[[4, 0, 3]]
    for name, ahead in (("ahead", True), ("listed", False)):
        write_split(tmp_path / name, tmp_path / "photos.zip", photos, 16, ahead)
    (expected, labels), (listed, same) = (
        read_split(tmp_path / name, tmp_path) for name in ("ahead", "listed")
    )
    assert isinstance(listed, ArchivedImages)
    assert (listed.shape, listed.dtype, listed.ndim) == (expected.shape, expected.dtype, 4)
    np.testing.assert_array_equal(labels, same)
    for rows in (np.array([2, 0]), slice(None), slice(None, None, 2)):
        np.testing.assert_array_equal(listed[rows], expected[rows])
    assert sorted(path.name for path in (tmp_path / "listed").iterdir()) == [
        "labels.npy",
        "photos.csv",
    ]


def test_renamed_photos_are_found(tmp_path: Path) -> None:
    photos = fetch(tmp_path, list("abcdef"))
    write_split(tmp_path / "ahead", tmp_path / "photos.zip", photos, 16)
    write_split(tmp_path / "listed", tmp_path / "photos.zip", photos, 16, ahead=False)
    fetch(tmp_path, list("uvwxyz"))
    expected, _ = read_split(tmp_path / "ahead", tmp_path)
    listed, _ = read_split(tmp_path / "listed", tmp_path)
    np.testing.assert_array_equal(listed[:], expected)


def test_an_archive_of_other_photos_is_a_mistake(tmp_path: Path) -> None:
    photos = fetch(tmp_path, list("abcdef"))
    photos.loc[2, "sha256"] = "0" * 64
    write_split(tmp_path / "listed", tmp_path / "photos.zip", photos, 16, ahead=False)
    listed, _ = read_split(tmp_path / "listed", tmp_path)
    with pytest.raises(UserError, match=r"photos\.zip has no photo .*run `make refetch`"):
        listed[:]
