"""Collect photos and pre-trained weights: PYTHONPATH=src python stages/fetch.py."""

from pathlib import Path

import pandas as pd

from animals10 import artifacts, errors, parameters, weights
from animals10.fetching import Verdicts, judge
from animals10.sources import open_source


def main() -> None:
    """Write data/photos.zip, data/rejected.csv, data/weights and metrics/fetch.json."""
    params = parameters.load()
    weights.provide(params.backbone, Path("data/weights"))
    verdicts = Verdicts()
    fetch = params.fetch
    with open_source(fetch.source, fetch.images_per_class, params.seed) as entries:
        artifacts.write_zip(Path("data/photos.zip"), judge(entries, verdicts))
    rejected = pd.DataFrame(sorted(verdicts.rejected), columns=["path", "reason"])
    artifacts.write_csv(Path("data/rejected.csv"), rejected)
    artifacts.write_json(
        Path("metrics/fetch.json"),
        {
            "photos": sum(verdicts.kept.values()),
            "classes": len(verdicts.kept),
            "rejected": len(rejected),
        },
    )


if __name__ == "__main__":
    errors.run(main)
