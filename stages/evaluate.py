"""Compare the three models, on test for the only time: PYTHONPATH=src python stages/evaluate.py."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import mlflow

from animals10 import artifacts, errors, evaluation, parameters, plots, tracking
from animals10.arrays import Examples, load_split
from animals10.evaluation import Answers
from animals10.training import seed_everything

MODELS = ("cnn", "frozen", "finetuned")


def main() -> None:
    """Write metrics/evaluate.json, metrics/report.json and plots/confusion/<model>.csv."""
    params = parameters.load()
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    splits = {split: load_split(Path("data") / split) for split in ("validation", "test")}
    seed_everything(params.seed)
    with tracking.stage_run("evaluate", params) as run:
        answers = {name: _ask(name, splits) for name in MODELS}
        for name in MODELS:
            _write_confusions(name, answers[name]["test"], classes)
        scores = _each(answers, evaluation.scores)
        reports = _each(answers, lambda given: evaluation.report(given, classes))
        artifacts.write_json(Path("metrics/evaluate.json"), scores)
        artifacts.write_json(Path("metrics/report.json"), reports)
        tracking.log_to_experiment(run, tracking.flat(scores))
        tracking.log_files([Path("metrics/evaluate.json"), Path("metrics/report.json")])
        tracking.log_files([Path("plots/samples.png")])


def _ask(name: str, splits: dict[str, Examples]) -> dict[str, Answers]:
    model = keras.saving.load_model(f"models/{name}.keras", safe_mode=True)
    return {split: evaluation.answer(model, examples) for split, examples in splits.items()}


def _each(
    answers: dict[str, dict[str, Answers]], judge: Callable[[Answers], dict[str, Any]]
) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        name: {split: judge(given) for split, given in of_model.items()}
        for name, of_model in answers.items()
    }


def _write_confusions(name: str, answers: Answers, classes: list[str]) -> None:
    path = Path(f"plots/confusion/{name}.csv")
    table = evaluation.confusions(answers, classes)
    artifacts.write_csv(path, table)
    tracking.log_files([path])
    figure = plots.confusion_figure(table, classes, f"{name}, on test")
    mlflow.log_figure(figure, f"plots/confusion/{name}.png")


if __name__ == "__main__":
    errors.run(main)
