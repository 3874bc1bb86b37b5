"""A project whose `dvc repro` has run, with small models and predictions that tests choose."""

import io
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from deployment import tiny_export

from animals10 import files

PHOTOS = 40
FIGURES = {"loss": 0.5, "macro_f1": 0.5}
Right = Mapping[str, Collection[int]]  # by model, the validation photos that it predicts correctly


def write_results(right: Right, first: int = 0, seed: int = 0) -> None:
    """Write what the stages leave, into the current folder.

    Args:
        right: of the models.
        first: number of the first photo; with another, some photos are others.
        seed: of the models' weights.
    """
    photos = _photos(first)
    predicted = photos[["path", "label", "split"]].copy()
    other = photos["label"].map({"cat": "dog", "dog": "cat"})
    for name, rows in right.items():
        predicted[name] = photos["label"].where(photos.index.isin(list(rows)), other)
    accuracies = {name: len(rows) / PHOTOS for name, rows in right.items()}
    made = {
        "data/_stages/split/splits.csv": _csv(photos),
        "data/_stages/evaluate/predictions.csv": _csv(predicted),
        "metrics/evaluate.json": json.dumps({name: _scores(a) for name, a in accuracies.items()}),
    }
    outs = {path: text.encode() for path, text in made.items()} | _exports(right, seed)
    for path, content in outs.items():
        files.write_bytes(Path(path), content)
    digests = {path: files.md5(content) for path, content in outs.items()}
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": _stages(digests)}))
    Path("dvc.yaml").write_text("stages: {}\n")


def forget(stage: str) -> None:
    """Let dvc.lock know nothing of a stage."""
    lock = yaml.safe_load(Path("dvc.lock").read_text())
    del lock["stages"][stage]
    Path("dvc.lock").write_text(yaml.safe_dump(lock))


def change_input(stage: str) -> None:
    """Let a stage have run on other inputs than there are now."""
    lock = yaml.safe_load(Path("dvc.lock").read_text())
    lock["stages"][stage]["deps"][0]["md5"] = "0" * 32
    Path("dvc.lock").write_text(yaml.safe_dump(lock))


def _photos(first: int) -> pd.DataFrame:
    numbers = range(first, first + PHOTOS)
    return pd.DataFrame(
        {
            "path": [f"{number}.jpg" for number in numbers],
            "label": [tiny_export.CLASSES[number % 2] for number in numbers],
            "split": "validation",
            # of the picture, and so in another order than the paths
            "sha256": [f"{number * 7919 % 10007:064x}" for number in numbers],
        }
    )


def _csv(table: pd.DataFrame) -> str:
    text = io.StringIO()
    table.to_csv(text, index=False)
    return text.getvalue()


def _scores(accuracy: float) -> dict[str, Any]:
    return {split: {**FIGURES, "accuracy": accuracy} for split in ("validation", "test")}


def _exports(names: Collection[str], seed: int) -> dict[str, bytes]:
    return {
        f"models/{name}.{file.partition('.')[2]}": content
        for number, name in enumerate(names)
        for file, content in tiny_export.contents(10 * seed + number, name).items()
        if file.startswith("model.")
    }


def _stages(digests: dict[str, str]) -> dict[str, Any]:
    makers = {"data/_stages/split": "split", "models": "export"}
    stages: dict[str, Any] = {
        name: {"deps": [], "outs": []} for name in ("split", "evaluate", "export")
    }
    for path, md5 in digests.items():
        stage = next((name for place, name in makers.items() if path.startswith(place)), "evaluate")
        stages[stage]["outs"].append({"path": path, "md5": md5})
    for stage, needed in (("evaluate", "split"), ("export", "evaluate")):
        stages[stage]["deps"] = [dict(stages[needed]["outs"][0])]
    return stages
