from pathlib import Path

import numpy as np
import pandas as pd

from animals10 import photos
from animals10.decoding import Place
from animals10.similarity import digits


def table(count: int) -> pd.DataFrame:
    hashes = [f"{row:064x}" for row in range(3 * count)]
    return pd.DataFrame(
        {
            "path": [f"NA/{row}.jpg" for row in range(count)],
            "label": ["NA"] * count,  # a class may be named so
            "size": range(count),
            "sha256": hashes[:count],
            "phash": hashes[count : 2 * count],
            "mirrored": hashes[2 * count :],
            "split": ["", "test"] * (count // 2),
            "group": ["", "NA"] * (count // 2),
            "begin": range(7, 7 + count),
        }
    )


def test_a_table_of_many_pieces_is_read_as_a_whole(tmp_path: Path) -> None:
    expected = table(20_000)
    expected.to_csv(tmp_path / "photos.csv", index=False)
    read, hashes = photos.read(tmp_path / "photos.csv")
    columns = ["path", "label", "sha256", "split", "group"]
    assert read.equals(expected[columns].rename(columns={"group": "given_group"}))
    for column, found in zip(["sha256", "phash", "mirrored"], hashes, strict=True):
        assert digits(found) == expected[column].tolist()


def test_the_places_of_chosen_rows_are_read(tmp_path: Path) -> None:
    expected = table(20_000)
    expected.to_csv(tmp_path / "photos.csv", index=False)
    chosen = np.zeros(20_000, bool)
    chosen[[1, 8191, 8192, 19_999]] = True
    assert [*photos.places(tmp_path / "photos.csv", chosen)] == [
        Place(7 + row, row, f"{row:064x}") for row in (1, 8191, 8192, 19_999)
    ]
