"""Decide who sees which photo, and decode all of them: PYTHONPATH=src python stages/split.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
from pathlib import Path

import pandas as pd

from animals10 import files, parameters
from animals10.data import decoding, near_duplicates, pictures, splitting
from animals10.images import stored

FETCHED, OUT = Path("data/_stages/fetch"), Path("data/_stages/split")
COLUMNS = ["path", "label", "split", "sha256", "group"]


def main() -> None:
    """Write splits.csv, the decoded splits, the class names and pictures of the data."""
    params = parameters.load()
    splits, counts = _decide(params.split)
    backbone = json.loads((FETCHED / "backbone.json").read_text(encoding="utf-8"))
    sides = {"cnn": params.image_size, "transfer": backbone["image_size"]}
    files.write_json(Path("metrics/split.json"), {**counts, "image_size": sides})
    classes = sorted(splits["label"].unique())
    files.write_json(Path("models/classes.json"), classes)
    files.write_csv(Path("plots/images_per_class.csv"), pictures.images_per_class(splits))
    splits["label"] = splits["label"].map(classes.index)
    for network, side in sides.items():
        for name, photos in splits.groupby("split"):
            folder, ahead = OUT / network / str(name), params.split.decode == "ahead"
            decoding.write_split(folder, FETCHED / "photos.zip", photos, side, ahead)
    images, labels = stored.read_split(OUT / "cnn/train", FETCHED)
    pictures.write_samples(Path("plots/samples.png"), images, labels, classes, params.split.seed)


def _decide(settings: parameters.Split) -> tuple[pd.DataFrame, dict[str, int]]:
    """Decide who sees which photo, write and print it; return the photos, and counts of them."""
    pinned = splitting.read_pinned(Path(settings.pinned))
    photos = splitting.read_photos(FETCHED / "photos.csv")
    grouped = near_duplicates.add_groups(photos, pinned, settings.near_duplicates)
    if grouped.divided:
        print(
            f"{grouped.divided} groups of look-alikes, too large to be copies, were divided; "
            f"split.near_duplicates = {settings.near_duplicates} may be too high for them. "
            "A manifest with a column group keeps photos together, say frames of a video"
        )
    fractions = settings.validation, settings.test
    splits = splitting.assign(grouped.photos, grouped.pinned, *fractions, settings.seed)
    files.write_csv(OUT / "splits.csv", splits[COLUMNS])
    files.write_csv(OUT / "duplicates.csv", splitting.across_splits(splits)[COLUMNS])
    splitting.report(splits, pinned)
    counts = splitting.summarize(splits, pinned)
    return splits[["path", "label", "split", "size", "sha256"]], counts


if __name__ == "__main__":
    errors.run(main)
