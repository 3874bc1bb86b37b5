"""Compare the three models, on test for the only time: PYTHONPATH=src python stages/evaluate.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from animals10 import artifacts, evaluation, outcome, parameters, resuming
from animals10.arrays import Examples, load_split
from animals10.evaluation import Answers
from animals10.inference import Predictor
from animals10.seeding import seed_everything
from animals10.tracking.record import stage_run

SPLITS = Path("data/_stages/split")
MODELS = tuple(outcome.MODELS.values())


def main() -> None:
    """Write metrics/evaluate.json, metrics/report.json, plots/confusion/<model>[_pairs].csv."""
    params = parameters.load()
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    splits = {split: load_split(SPLITS / split) for split in ("validation", "test")}
    seed_everything(params.seed)
    with stage_run("evaluate"):
        answers = {name: _ask(name, splits) for name in MODELS}
        for name in MODELS:
            table = evaluation.confusions(answers[name]["test"], classes)
            artifacts.write_csv(Path(f"plots/confusion/{name}.csv"), table)
            pairs = evaluation.confused_pairs(table)
            artifacts.write_csv(Path(f"plots/confusion/{name}_pairs.csv"), pairs)
        scores = _each(answers, evaluation.scores)
        unseen = evaluation.unseen(
            *(pd.read_csv(SPLITS / name, dtype=str, keep_default_na=False)
              for name in ("splits.csv", "duplicates.csv"))
        )  # fmt: skip
        for name in MODELS if unseen.any() and not unseen.all() else ():
            rest = evaluation.chosen(answers[name]["test"], unseen)
            scores[name]["test_without_duplicates"] = evaluation.scores(rest)
        reports = _each(answers, lambda given: evaluation.report(given, classes))
        artifacts.write_json(Path("metrics/evaluate.json"), scores)
        artifacts.write_json(Path("metrics/report.json"), reports)
    resuming.forget_saved()


def _ask(name: str, splits: dict[str, Examples]) -> dict[str, Answers]:
    model = keras.saving.load_model(f"models/{name}.keras", safe_mode=True)
    predictor = Predictor(model)
    return {split: evaluation.answer(predictor, examples) for split, examples in splits.items()}


def _each(
    answers: dict[str, dict[str, Answers]], judge: Callable[[Answers], dict[str, Any]]
) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        name: {split: judge(given) for split, given in of_model.items()}
        for name, of_model in answers.items()
    }


if __name__ == "__main__":
    errors.run(main)
