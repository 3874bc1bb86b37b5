import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score

from animals10 import drawing
from animals10.arrays import Examples
from animals10.evaluation import Answers, answer, calibration_error, confusions, report, scores
from animals10.inference import Predictor

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
CLASSES = list(drawing.CLASSES)


@pytest.fixture
def study() -> Answers:
    actual, predicted = np.indices(STUDY.shape).reshape(2, -1)
    labels, guesses = np.repeat([actual, predicted], STUDY.ravel(), axis=1)
    return Answers(np.eye(10, dtype="float32")[guesses] * 0.91 + 0.009, labels)


def test_the_studys_confusions_give_the_studys_report(study: Answers) -> None:
    table = report(study, CLASSES)
    assert round(table["accuracy"], 2) == 0.75
    assert round(table["macro avg"]["f1-score"], 2) == 0.73
    assert round(table["ragno"]["recall"], 2) == 0.94
    assert table["gatto"]["support"] == 226


def test_scores_agree_with_the_confusions(study: Answers) -> None:
    result = scores(study)
    assert set(result) == {"accuracy", "loss", "macro_f1", "weighted_f1", "top3_accuracy", "ece"}
    assert result["accuracy"] == pytest.approx(np.trace(STUDY) / STUDY.sum())
    predicted = study.probabilities.argmax(axis=1)
    assert result["macro_f1"] == pytest.approx(f1_score(study.labels, predicted, average="macro"))


def test_confusions_name_the_classes_in_the_order_of_the_examples(study: Answers) -> None:
    table = confusions(study, CLASSES)
    assert len(table) == STUDY.sum()
    assert ((table["actual"] == "gatto") & (table["predicted"] == "cane")).sum() == 42
    assert table.iloc[0].to_dict() == {"actual": "cane", "predicted": "cane"}


def test_loss_and_top3_by_hand() -> None:
    probabilities = np.array([[0.4, 0.3, 0.2, 0.1], [0.4, 0.3, 0.2, 0.1]], "float32")
    result = scores(Answers(probabilities, np.array([2, 3])))
    assert result["top3_accuracy"] == 0.5
    assert result["loss"] == pytest.approx(-(np.log(0.2) + np.log(0.1)) / 2, rel=1e-5)


def test_a_class_that_no_example_has_does_not_break_the_scores() -> None:
    assert scores(Answers(np.array([[0.9, 0.1]], "float32"), np.array([0])))["accuracy"] == 1


def test_calibration_by_hand() -> None:
    confident_and_half_right = np.array([[0.9, 0.1], [0.9, 0.1]])
    assert calibration_error(confident_and_half_right, np.array([0, 1])) == pytest.approx(0.4)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_answers_keep_the_order_of_the_labels() -> None:
    # A model with a known answer: the class that stands in an image's first pixel.
    inputs = keras.Input((4, 4, 3))
    first = keras.ops.cast(inputs[:, 0, 0, 0], "int32")
    model = keras.Model(inputs, keras.ops.one_hot(first, 10))
    labels = np.random.default_rng(0).integers(0, 10, 25)
    images = np.broadcast_to(labels[:, None, None, None], (25, 4, 4, 3)).astype("uint8")
    answers = answer(Predictor(model), Examples(images, labels), batch_size=7)
    assert (answers.probabilities.argmax(axis=1) == labels).all()
    assert scores(answers)["accuracy"] == 1
