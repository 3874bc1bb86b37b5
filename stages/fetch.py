"""Collect photos and pre-trained weights: PYTHONPATH=src python stages/fetch.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

import pandas as pd

from animals10 import artifacts, official, parallel, parameters, weights
from animals10.fetching import Photo, Verdicts, judge
from animals10.sources import open_source


def main() -> None:
    """Write data/photos.zip, data/photos.csv, data/rejected.csv, data/weights and the metrics."""
    params = parameters.load()
    if params.backbone.weights == "sample" and params.fetch.source != "sample":
        print("backbone.weights = sample knows drawings; for photos give imagenet or a file")
    verdicts = Verdicts()
    # First and apart, as Keras, which checks them, takes memory that the photos then have.
    parallel.apart(weights.provide, params.backbone, Path("data/weights"))
    with open_source(params.fetch, params.seed) as entries:
        photos = judge(entries, params.fetch.smallest_side, verdicts)
        begins = artifacts.write_zip(Path("data/photos.zip"), photos)
    kept = pd.DataFrame(verdicts.photos, columns=Photo._fields).assign(begin=begins)
    rejected = pd.DataFrame(sorted(verdicts.rejected), columns=["path", "reason"])
    artifacts.write_csv(Path("data/photos.csv"), kept)
    artifacts.write_csv(Path("data/rejected.csv"), rejected)
    counts = {"photos": len(kept), "classes": kept["label"].nunique(), "rejected": len(rejected)}
    artifacts.write_json(Path("metrics/fetch.json"), counts)
    if params.fetch.source != "sample" and (report := official.report(verdicts.hashes)):
        print(report)
    print(
        "; ".join(
            f"{name} {count}" for name, count in kept["label"].value_counts(sort=False).items()
        )
    )
    if len(rejected):
        print(f"{len(rejected):,} files are no usable photos: data/rejected.csv says why")


if __name__ == "__main__":
    errors.run(main)
