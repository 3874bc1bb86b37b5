"""What the report reads, drawn at random, in files as the stages leave them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from animals10 import files
from animals10.evaluation import metrics, predictions, tables
from animals10.evaluation.metrics import Predictions
from animals10.evaluation.robustness import plan
from animals10.reporting import found, rendering, report
from animals10.reporting.found import Found

HOSTILE = ["<script>document.title='hit'</script>", '" onload="x', "a|b`*_[c](d)", "NA"]
SCRIPTS = ["猫", "собака", "حصان", "ΑΒΓ", "हाथी", "cane", "ไก่", "נמלה"]
ABOUT = {"seed": 42, "backbone.name": "EfficientNetLite2"}


def make_predictions(classes: int, photos: int, skill: float, seed: int) -> Predictions:
    """Draw predictions; the higher the skill, the more are right."""
    rng = np.random.default_rng(seed)
    labels = np.arange(photos) % classes
    scores = rng.normal(size=(photos, classes)) + skill * np.eye(classes)[labels]
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return Predictions((raised / raised.sum(axis=1, keepdims=True)).astype("float32"), labels)


def make(folder: Path, names: list[str], photos: int = 60, skill: float = 4) -> Found:
    """Write all that `found.read` reads, and read it."""
    classes = sorted(names)
    models = {
        model: {
            split: make_predictions(len(classes), photos, skill + number, 10 * number + place)
            for place, split in enumerate(predictions.SPLITS)
        }
        for number, model in enumerate(files.NETWORKS)
    }
    labels = next(iter(models.values()))["test"].labels
    simple = {
        name: {split: labels * 0 for split in predictions.SPLITS} for name in tables.BASELINES
    }
    splits = pd.DataFrame(
        [
            (f"{classes[label]}/{row} & <b>.jpg", classes[label], split, f"group {row // 2}")
            for split in predictions.SPLITS
            for row, label in enumerate(labels)
        ],
        columns=["path", "label", "split", "group"],
    )
    table = predictions.tabulate(splits, models, simple, classes)
    predictions.write(folder / "data/_stages/evaluate", table, models)
    _write_metrics(folder, models, classes)
    _write_data(folder, splits, classes)
    return found.read(folder)


def _write_metrics(
    folder: Path, models: dict[str, predictions.BySplit], classes: list[str]
) -> None:
    scores, reports = {}, {}
    for name, of_split in models.items():
        scores[name] = {split: metrics.scores(each) for split, each in of_split.items()}
        report_of = {split: metrics.report(each, classes) for split, each in of_split.items()}
        reports[name] = {"parameters": 1234567, **report_of}
        history = {"epoch": [1, 2, 3], "loss": [3, 2, 1], "accuracy": [0.1, 0.2, 0.3]}
        history |= {"val_loss": [3, 2, 2], "val_accuracy": [0.1, 0.3, 0.3]}
        files.write_csv(folder / f"plots/history/{name}.csv", pd.DataFrame(history))
        (folder / "models").mkdir(exist_ok=True)
        (folder / f"models/{name}.keras").write_bytes(name.encode())
    files.write_json(folder / "metrics/evaluate.json", scores)
    files.write_json(folder / "metrics/report.json", reports)
    rows = [
        ("cnn", kind, strength, 1 - strength / 10, 60)
        for kind, strengths in plan(full=False).items()
        for strength in (0, *strengths)
    ]
    columns = ["model", "corruption", "strength", "accuracy", "photos"]
    files.write_csv(folder / "plots/robustness.csv", pd.DataFrame(rows, columns=columns))


def _write_data(folder: Path, splits: pd.DataFrame, classes: list[str]) -> None:
    stages = folder / "data/_stages"
    files.write_csv(stages / "split/splits.csv", splits)
    files.write_csv(stages / "split/duplicates.csv", splits[:3])
    reasons = ["too small: 3 x 4 pixels", "too small: 9 x 4 pixels", "not an image: <i>text</i>"]
    rejected = pd.DataFrame({"path": ["a", "b", "c"], "reason": reasons})
    files.write_csv(stages / "fetch/rejected.csv", rejected)
    (folder / "models/classes.json").write_text(json.dumps(classes), encoding="utf-8")
    images = [(name, "train", 10 + number) for number, name in enumerate(classes)]
    table = pd.DataFrame(images, columns=["label", "split", "images"])
    files.write_csv(folder / "plots/images_per_class.csv", table)
    keys = ["train", "validation", "test", "groups", "duplicates", "groups_with_two_labels"]
    keys += ["groups_in_two_splits", "test_duplicates"]
    files.write_json(folder / "metrics/split.json", dict.fromkeys(keys, 7))
    (folder / "versions.txt").write_text("keras==3.15.1\n")


def draw_examples(what: Found, count: int = 3) -> list[dict[str, object]]:
    """Draw what `mistakes.illustrate` returns, of noise."""
    from animals10.reporting.mistakes import picture

    rng = np.random.default_rng(0)
    pictures = [picture(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for _ in range(count)]
    name = what.classes[0]
    return [
        {
            "path": f"{name}/photo.jpg",
            "label": name,
            "photo": each,
            "looks": [
                {
                    "model": model,
                    "prediction": what.classes[1],
                    "probability": 0.99,
                    "regions": 4,
                    "map": each,
                }
                for model in files.NETWORKS
            ],
        }
        for each in pictures
    ]


def page(what: Found, template: str = "report.html.j2") -> str:
    """Render the report with pictures of noise."""
    shown = report.describe(what) | {"about": ABOUT, "examples": draw_examples(what)}
    return rendering.render(template, shown)
