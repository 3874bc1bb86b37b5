"""Collect photos and pre-trained weights: PYTHONPATH=src python stages/fetch.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

import pandas as pd

from animals10 import artifacts, manifest, official, parallel, parameters, weights
from animals10.fetching import Photo, Verdicts, judge, summary
from animals10.sources import find_manifest, open_source

OUT = Path("data/_stages/fetch")


def main() -> None:
    """Write photos.zip, photos.csv, notes.csv, rejected.csv, weights and the metrics."""
    params = parameters.load()
    verdicts = Verdicts()
    table = find_manifest(params.fetch)
    members = manifest.read(table) if table else None
    # First and apart, as Keras, which checks them, takes memory that the photos then have.
    parallel.apart(weights.provide, params.backbone, OUT / "weights")
    with open_source(params.fetch) as entries:
        smallest, largest = params.fetch.smallest_side, params.fetch.largest_pixels
        photos = judge(entries, smallest, verdicts, members, largest)
        begins = artifacts.write_zip(OUT / "photos.zip", photos)
    kept = pd.DataFrame(verdicts.photos, columns=Photo._fields).assign(begin=begins)
    rejected = pd.DataFrame(sorted(verdicts.rejected), columns=["path", "reason"])
    artifacts.write_csv(OUT / "photos.csv", kept)
    artifacts.write_csv(OUT / "rejected.csv", rejected)
    notes = pd.DataFrame(sorted(verdicts.notes), columns=["path", "note"])
    artifacts.write_csv(OUT / "notes.csv", notes)
    counts = {"photos": len(kept), "classes": kept["label"].nunique(), "rejected": len(rejected)}
    artifacts.write_json(Path("metrics/fetch.json"), counts)
    if params.fetch.source != "sample" and (report := official.report(verdicts.hashes)):
        print(report)
    print(*summary(verdicts), sep="\n")
    if len(rejected) or len(notes):
        print(f"rejected.csv and notes.csv in {OUT} have each file")


if __name__ == "__main__":
    errors.run(main)
