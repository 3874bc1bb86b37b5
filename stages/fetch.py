"""Collect photos and pre-trained weights: PYTHONPATH=src python stages/fetch.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

import pandas as pd

from animals10 import files, parameters
from animals10.data import inputs, manifest, official
from animals10.data.scanning import Photo, ScanResult, scan, summary
from animals10.data.sources import open_source
from animals10.models import weights

OUT = Path("data/_stages/fetch")


def main() -> None:
    """Write photos and their tables, weights, and what the backbone is and comes from."""
    params = parameters.load()
    members = manifest.read(table) if (table := manifest.find(params.fetch)) else None
    result = ScanResult()
    with open_source(params.fetch) as entries:
        smallest, largest = params.fetch.smallest_side, params.fetch.largest_pixels
        photos = scan(entries, smallest, result, members, largest)
        files.write_zip(OUT / "photos.zip", photos)
        # After the photos, whose processes must not be forked from one in which Keras has threads.
        preset = weights.provide(params.backbone, OUT / "weights", inputs.read_pin())
    described = weights.describe(params.backbone, OUT / "weights", params.backbone_size)
    files.write_json(OUT / "backbone.json", described)
    files.write_json(OUT / "preset.json", preset)
    for name, rows, columns in (
        ("photos.csv", result.photos, Photo._fields),
        ("rejected.csv", sorted(result.rejected), ("path", "reason")),
        ("notes.csv", sorted(result.notes), ("path", "note")),
    ):
        files.write_csv(OUT / name, pd.DataFrame(rows, columns=columns))
    if params.fetch.source != "sample" and (report := official.report(result.hashes)):
        print(report)
    print(*summary(result), sep="\n")
    if result.rejected or result.notes:
        print(f"rejected.csv and notes.csv in {OUT} have each file")


if __name__ == "__main__":
    errors.run(main)
