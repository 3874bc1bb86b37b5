"""What the evaluation leaves in the MLflow record."""

import json
from pathlib import Path

import pandas as pd

from animals10 import evaluation, plots
from animals10.store import flat
from animals10.tracking import MODELS, Record

FILES = [
    "metrics/evaluate.json",
    "metrics/report.json",
    "plots/samples.png",
    *(f"plots/confusion/{model}.csv" for model in MODELS.values()),
]


def log_evaluation(record: Record, folder: Path = Path()) -> None:
    """Log the scores, to the experiment's run as well, and what each model confuses.

    That is the confusion matrix as a picture and a table of the most confused pairs of classes.

    Args:
        record: of the stage.
        folder: where `metrics`, `plots` and `models` are.
    """
    scores = flat(json.loads((folder / "metrics/evaluate.json").read_text(encoding="utf-8")))
    record.log_metrics(scores)
    record.log_metrics(scores, parent=True)  # where experiments are compared
    classes = json.loads((folder / "models/classes.json").read_text(encoding="utf-8"))
    for model in MODELS.values():
        table = pd.read_csv(
            folder / f"plots/confusion/{model}.csv", keep_default_na=False, dtype=str
        )
        figure = plots.confusion_figure(table, classes, f"{model}, on test")
        record.client.log_figure(record.run_id, figure, f"plots/confusion/{model}.png")
        # From the table, since earlier commits, which `make sync` records, have no file of it.
        pairs = evaluation.confused_pairs(table).to_csv(index=False, float_format="%.6f")
        record.client.log_text(record.run_id, pairs, f"plots/confusion/{model}_pairs.csv")
    record.log_files(FILES, folder)
    record.complete(folder / "metrics/evaluate.json")
