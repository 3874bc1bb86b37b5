"""Compare the three models, on test for the only time: PYTHONPATH=src python stages/evaluate.py."""

import json
from pathlib import Path
from typing import Any

import keras
import mlflow

from animals10 import artifacts, errors, evaluation, parameters, plots, tracking
from animals10.arrays import load_split
from animals10.training import seed_everything

MODELS = ("cnn", "frozen", "finetuned")
SPLITS = ("validation", "test")


def main() -> None:
    """Write metrics/evaluate.json, metrics/report.json and plots/confusion/<model>.csv."""
    params = parameters.load()
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    seed_everything(params.seed)
    scores: dict[str, Any] = {name: {} for name in MODELS}
    reports: dict[str, Any] = {name: {} for name in MODELS}
    with tracking.stage_run("evaluate", params) as run:
        for name in MODELS:
            model = keras.saving.load_model(f"models/{name}.keras", safe_mode=True)
            for split in SPLITS:
                answers = evaluation.answer(model, load_split(Path("data") / split))
                scores[name][split] = evaluation.scores(answers)
                reports[name][split] = evaluation.report(answers, classes)
            # The last split is test, the one worth a picture.
            table = evaluation.confusions(answers, classes)
            artifacts.write_csv(Path(f"plots/confusion/{name}.csv"), table)
            figure = plots.confusion_figure(table, classes, f"{name}, on test")
            mlflow.log_figure(figure, f"plots/confusion/{name}.png")
        artifacts.write_json(Path("metrics/evaluate.json"), scores)
        artifacts.write_json(Path("metrics/report.json"), reports)
        flat = {
            f"{name}/{split}/{metric}": value
            for name in MODELS
            for split in SPLITS
            for metric, value in scores[name][split].items()
        }
        mlflow.log_metrics(flat)
        tracking.log_to_experiment(run, flat)
        tracking.log_files(
            [Path("metrics/evaluate.json"), Path("metrics/report.json"), Path("plots/samples.png")]
            + [Path(f"plots/confusion/{name}.csv") for name in MODELS]
        )


if __name__ == "__main__":
    errors.run(main)
