"""The table of predictions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reporting.drawn import HOSTILE, make_predictions

from animals10.errors import UserError
from animals10.evaluation import predictions


def table_of(classes: list[str]) -> tuple[pd.DataFrame, dict[str, predictions.BySplit]]:
    of_split = {
        split: make_predictions(4, 8, 3, seed) for seed, split in enumerate(predictions.SPLITS)
    }
    rows = [
        (f"{classes[number % 4]}/{number}", classes[number % 4], split, f"{number:x}")
        for split in ("test", "train", "validation")
        for number in range(8)
    ]
    splits = pd.DataFrame(rows, columns=["path", "label", "split", "group"])
    models = {"cnn": of_split}
    simple = {"majority": {split: np.zeros(8, int) for split in predictions.SPLITS}}
    return predictions.tabulate(splits, models, simple, classes), models


def test_every_photo_is_there_with_what_was_predicted(tmp_path: Path) -> None:
    classes = sorted(HOSTILE)
    table, models = table_of(classes)
    predictions.write(tmp_path, table, models)
    read = predictions.read(tmp_path / "predictions.csv")
    assert list(read) == ["path", "label", "split", "group", "cnn", "cnn_probability", "majority"]
    assert read["split"].tolist() == ["validation"] * 8 + ["test"] * 8
    pd.testing.assert_frame_equal(read, table, check_dtype=False, rtol=1e-5)
    probabilities = np.load(tmp_path / "probabilities/cnn.npy")
    assert probabilities.shape == (16, 4)
    assert [classes[label] for label in probabilities.argmax(axis=1)] == read["cnn"].tolist()
    assert probabilities.max(axis=1) == pytest.approx(predictions.confidence(read, "cnn"), rel=1e-5)
    assert set(read["majority"]) == {classes[0]}


def test_photos_of_another_split_are_refused() -> None:
    table, models = table_of(list("abcd"))
    splits = table[["path", "label", "split", "group"]].copy()
    splits["label"] = splits["label"].to_numpy()[::-1]
    with pytest.raises(UserError, match="not of the decoded photos; run `dvc repro`"):
        predictions.tabulate(splits, models, {}, list("abcd"))
