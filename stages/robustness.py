"""Measure the best model on corrupted test photos: PYTHONPATH=src python stages/robustness.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

import pandas as pd

from animals10 import files, parameters
from animals10.evaluation import robustness, tables
from animals10.training import execution
from animals10.training.batches import load_split

SPLITS = Path("data/_stages/split")


def main() -> None:
    """Write plots/robustness.csv."""
    params = parameters.load()
    full = params.robustness.full
    scores = files.read_metrics("evaluate")
    models = list(files.NETWORKS) if full else [tables.best(scores)]
    execution.seed_everything(params.seed)
    measured = []
    for name in models:
        test = robustness.sample(load_split(SPLITS / files.NETWORKS[name] / "test"), full)
        measured.append(robustness.measure(name, test, robustness.plan(full), params.acceleration))
    files.write_csv(Path("plots/robustness.csv"), pd.concat(measured))


if __name__ == "__main__":
    errors.run(main)
