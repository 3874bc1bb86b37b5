"""Compare the three models, on test for the only time: PYTHONPATH=src python stages/evaluate.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
import os
from pathlib import Path

import pandas as pd

from animals10 import files, parameters
from animals10.evaluation import comparison, metrics, tables
from animals10.tracking.record import stage_run
from animals10.training import checkpoint, execution
from animals10.training.batches import load_split

SPLITS, FEATURES = Path("data/_stages/split"), Path("data/_stages/embed")


def main() -> None:
    """Write all metrics/*.json but split.json, and the tables in plots/confusion."""
    params = parameters.load()
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    splits = {
        network: {split: load_split(SPLITS / network / split) for split in ("validation", "test")}
        for network in ("cnn", "transfer")
    }
    tables_of_photos = (
        pd.read_csv(SPLITS / name, dtype=str, keep_default_na=False)
        for name in ("splits.csv", "duplicates.csv")
    )
    unique = metrics.has_no_duplicate(*tables_of_photos)
    execution.seed_everything(params.seed)
    with stage_run("evaluate"):
        scores, reports = {}, {}
        for name in files.MODELS.values():
            scores[name], reports[name] = comparison.evaluate(
                name, splits[files.NETWORKS[name]], classes, unique, params.acceleration
            )
        test = splits["transfer"]["test"]
        simple = comparison.compare_baselines(FEATURES, test, 64, params.acceleration)
        comparison.write(scores, reports, simple)
    checkpoint.remove_saved()
    if "MAKELEVEL" not in os.environ:  # `make repro` prints it at its end
        print(tables.comparison(scores, reports, simple))


if __name__ == "__main__":
    errors.run(main)
