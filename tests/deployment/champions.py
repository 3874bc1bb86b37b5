"""What tests of champions share."""

import hashlib
from pathlib import Path

from animals10.deployment import champion, reference
from animals10.deployment.champion import Champion, Origin
from animals10.deployment.predictor import Predictor


def origin() -> Origin:
    scores = {"validation": {"accuracy": 0.75, "loss": 0.5}, "test": {"accuracy": 0.5, "loss": 1.0}}
    return Origin(
        name="cnn",
        experiment="brave-cat",
        revision="0" * 40,
        validation_accuracy=0.75,
        scores=scores,
    )


def require_whole() -> Champion:
    """Return the champion of the current folder, whose file is what its description says."""
    about = champion.require()
    model = Path("models/champion/model.onnx")
    assert hashlib.sha256(model.read_bytes()).hexdigest() == about["sha256"]
    reference.check(Predictor(model))
    return about
