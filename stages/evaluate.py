"""Compare the three models on validation and test: PYTHONPATH=src python stages/evaluate.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
import os
from pathlib import Path

from animals10 import files, parameters
from animals10.evaluation import comparison
from animals10.tracking.record import stage_run
from animals10.training import checkpoint, execution

SPLITS, FEATURES = Path("data/_stages/split"), Path("data/_stages/embed")


def main() -> None:
    """Write what the models predict, and the metrics and curves that follow from it."""
    params = parameters.load()
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    splits = comparison.open_splits(SPLITS)
    photos = comparison.read_photos(SPLITS)
    execution.seed_everything(params.seed)
    with stage_run("evaluate"):
        models = {
            name: comparison.evaluate(name, splits[network], classes, photos, params.acceleration)
            for name, network in files.NETWORKS.items()
        }
        simple = comparison.compare_baselines(
            FEATURES, splits["transfer"]["test"], photos, 64, params.acceleration
        )
        table = comparison.write(models, simple, photos, classes)
    checkpoint.remove_saved()
    if "MAKELEVEL" not in os.environ:  # `make repro` prints it at its end
        print(table)


if __name__ == "__main__":
    errors.run(main)
