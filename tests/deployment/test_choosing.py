"""Which model predicts where none is named."""

import json
from pathlib import Path

import pytest

from animals10.deployment import choosing


def test_of_equally_accurate_models_that_of_lower_loss_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    figures = {"cnn": (0.7, 0.9), "frozen": (0.95, 0.3), "finetuned": (0.95, 0.2)}
    scores = {
        name: {"validation": {"accuracy": accuracy, "loss": loss}}
        for name, (accuracy, loss) in figures.items()
    }
    for folder in ("metrics", "models"):
        (tmp_path / folder).mkdir()
    (tmp_path / "metrics/evaluate.json").write_text(json.dumps(scores))
    (tmp_path / "models/finetuned.onnx").touch()
    path, note = choosing.find()
    assert path == Path("models/finetuned.onnx")
    assert note.endswith("predicts: finetuned (accuracy 0.950)")
