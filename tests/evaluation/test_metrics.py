from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

import animals10_sample
from animals10.evaluation.comparison import read_photos
from animals10.evaluation.metrics import (
    Predictions,
    calibration_error,
    confused_pairs,
    confusions,
    report,
    scores,
)
from animals10.evaluation.tables import comparison
from animals10.training import execution
from animals10.training.batches import Batches, Examples

FIGURES = {"accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6, "macro_f1": 0.25}
# The study's confusion matrix: rows true, columns predicted.
STUDY = np.array(
    [
        [512, 31, 4, 21, 16, 21, 14, 42, 29, 11],
        [29, 284, 12, 10, 11, 1, 31, 18, 24, 2],
        [9, 15, 155, 3, 2, 3, 4, 16, 10, 3],
        [2, 0, 0, 257, 2, 1, 0, 0, 33, 1],
        [21, 3, 2, 26, 379, 3, 0, 8, 36, 8],
        [42, 1, 1, 12, 2, 132, 2, 3, 27, 4],
        [16, 33, 2, 4, 7, 2, 169, 36, 13, 7],
        [4, 8, 6, 2, 9, 5, 13, 207, 16, 7],
        [6, 1, 2, 29, 2, 4, 0, 0, 675, 1],
        [11, 2, 0, 14, 14, 8, 1, 9, 52, 179],
    ]
)
CLASSES = list(animals10_sample.CLASSES)


@pytest.fixture
def study() -> Predictions:
    actual, predicted = np.indices(STUDY.shape).reshape(2, -1)
    labels, guesses = np.repeat([actual, predicted], STUDY.ravel(), axis=1)
    return Predictions(np.eye(10, dtype="float32")[guesses] * 0.91 + 0.009, labels)


def guesses(labels: list[int], predicted: list[int], classes: int) -> Predictions:
    return Predictions(np.eye(classes, dtype="float32")[predicted] * 0.9 + 0.01, np.array(labels))


def test_the_studys_confusions_give_the_studys_report(study: Predictions) -> None:
    table = report(study, CLASSES)
    assert round(table["accuracy"], 2) == 0.75
    assert round(table["macro avg"]["f1-score"], 2) == 0.73
    assert round(table["classes"]["ragno"]["recall"], 2) == 0.94
    assert table["classes"]["gatto"]["support"] == 226


def test_classes_named_like_averages_keep_their_rows() -> None:
    names = ["accuracy", "macro avg", "weighted avg", "classes"]
    table = report(guesses([0, 0, 1, 2, 3], [0, 1, 1, 2, 3], 4), names)
    assert list(table["classes"]) == names
    assert [row["support"] for row in table["classes"].values()] == [2, 1, 1, 1]
    assert table["accuracy"] == 0.8
    assert table["macro avg"] == pytest.approx(
        {"precision": 3.5 / 4, "recall": 3.5 / 4, "f1-score": 10 / 12, "support": 5}
    )
    assert table["weighted avg"]["recall"] == pytest.approx(0.8)


def test_scores_agree_with_the_confusions(study: Predictions) -> None:
    result = scores(study)
    assert set(result) == {"accuracy", "loss", "macro_f1", "weighted_f1", "top3_accuracy", "ece"}
    assert result["accuracy"] == pytest.approx(np.trace(STUDY) / STUDY.sum())
    predicted = study.probabilities.argmax(axis=1)
    assert result["macro_f1"] == pytest.approx(f1_score(study.labels, predicted, average="macro"))


def test_confusions_name_the_classes_in_the_order_of_the_examples(study: Predictions) -> None:
    table = confusions(study, CLASSES)
    assert len(table) == STUDY.sum()
    assert ((table["actual"] == "gatto") & (table["predicted"] == "cane")).sum() == 42
    assert table.iloc[0].to_dict() == {"actual": "cane", "predicted": "cane"}


def test_loss_and_top3_by_hand() -> None:
    probabilities = np.array([[0.4, 0.3, 0.2, 0.1], [0.4, 0.3, 0.2, 0.1]], "float32")
    result = scores(Predictions(probabilities, np.array([2, 3])))
    assert result["top3_accuracy"] == 0.5
    assert result["loss"] == pytest.approx(-(np.log(0.2) + np.log(0.1)) / 2, rel=1e-5)


def test_averages_are_over_the_classes_that_have_examples() -> None:
    predictions = guesses(
        [0, 0, 1, 1], [0, 0, 1, 2], 4
    )  # one is taken for a class without examples
    expected = (1 + 2 / 3) / 2
    assert scores(predictions)["macro_f1"] == pytest.approx(expected)
    assert scores(predictions)["weighted_f1"] == pytest.approx(expected)
    table = report(predictions, ["a", "b", "c", "d"])
    assert table["macro avg"]["f1-score"] == pytest.approx(expected)
    assert table["weighted avg"]["f1-score"] == pytest.approx(expected)
    assert set(table["classes"]["c"].values()) == set(table["classes"]["d"].values()) == {0}


def test_some_rows_have_scores_of_their_own(study: Predictions) -> None:
    rows = study.labels == 3
    some = Predictions(study.probabilities[rows], study.labels[rows])
    assert scores(some)["accuracy"] == pytest.approx(257 / 296)
    assert scores(some)["macro_f1"] == pytest.approx(2 * 257 / (257 + 296))


def test_the_most_confused_pairs_come_first(study: Predictions) -> None:
    pairs = confused_pairs(confusions(study, CLASSES))
    assert len(pairs) == 25
    wrong = np.sort(STUDY[~np.eye(10, dtype=bool)])[::-1]
    assert pairs["count"].tolist() == wrong[:25].tolist()
    assert pairs.iloc[0].to_dict() == {
        "actual": CLASSES[9],
        "predicted": CLASSES[8],
        "count": 52,
        "fraction": pytest.approx(52 / STUDY[9].sum()),
    }
    # Of equal counts, that of the smaller class comes first.
    ties = pairs[pairs["count"] == 42]
    assert ties["actual"].tolist() == [CLASSES[5], CLASSES[0]]
    assert ties["fraction"].is_monotonic_decreasing


def test_pairs_of_two_classes_and_of_none() -> None:
    table = pd.DataFrame({"actual": ["NA", "NA", "1"], "predicted": ["1", "NA", "1"]})
    assert (
        confused_pairs(table).to_csv(index=False) == "actual,predicted,count,fraction\nNA,1,1,0.5\n"
    )
    assert confused_pairs(table[1:]).to_csv(index=False) == "actual,predicted,count,fraction\n"


def test_calibration_by_hand() -> None:
    confident_and_half_right = np.array([[0.9, 0.1], [0.9, 0.1]])
    assert calibration_error(confident_and_half_right, np.array([0, 1])) == pytest.approx(0.4)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_predictions_keep_the_order_of_the_labels() -> None:
    # A model with a known answer: the class that stands in an image's first pixel.
    inputs = keras.Input((4, 4, 3))
    first = keras.ops.cast(inputs[:, 0, 0, 0], "int32")
    model = keras.Model(inputs, keras.ops.one_hot(first, 10))
    labels = np.random.default_rng(0).integers(0, 10, 25)
    images = np.broadcast_to(labels[:, None, None, None], (25, 4, 4, 3)).astype("uint8")
    batches = Batches(Examples(images, labels), batch_size=7, shuffle=False)
    predictions = Predictions(execution.predict(model, batches, "auto"), labels)
    assert (predictions.probabilities.argmax(axis=1) == labels).all()
    assert scores(predictions)["accuracy"] == 1


def test_figures_without_near_duplicates_are_of_the_other_rows(tmp_path: Path) -> None:
    splits = pd.DataFrame(
        {"path": list("abcdef"), "split": ["test", "train", "test", "test", "validation", "test"]}
    )
    splits.to_csv(tmp_path / "splits.csv")
    pd.DataFrame({"path": ["b", "c", "e", "f"]}).to_csv(tmp_path / "duplicates.csv")
    photos = read_photos(tmp_path)
    rows = photos["unique"][photos["split"] == "test"].to_numpy()
    assert rows.tolist() == [True, False, True, False]
    predictions = Predictions(np.eye(2, dtype="float32")[[0, 0, 1, 0]], np.array([0, 1, 1, 1]))
    assert scores(predictions)["accuracy"] == 0.5
    assert scores(predictions.select(rows))["accuracy"] == 1


def test_the_comparison_names_what_is_without_near_duplicates() -> None:
    of_split = {"validation": FIGURES, "test": FIGURES}
    report = {"cnn": {"parameters": 7}}
    plain = comparison({"cnn": of_split}, report)
    assert " 0.400 to 0.600 " in plain
    assert "near-duplicates" not in plain
    rest = {"test_without_duplicates": {"accuracy": 0.125}}
    assert comparison({"cnn": of_split | rest}, report) == (
        f"{plain}\n\ntest accuracy without near-duplicates of other splits: cnn 0.125"
    )


def test_simple_classifiers_stand_above_the_models() -> None:
    of_split = dict.fromkeys(("validation", "test"), FIGURES)
    report = {"cnn": {"parameters": 7}}
    table = comparison({"cnn": of_split}, report, {"neighbors": of_split, "majority": of_split})
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == [
        "majority",
        "neighbors",
        "cnn",
    ]
