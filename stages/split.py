"""Decide who sees which photo, and decode each once: PYTHONPATH=src python stages/split.py."""

from pathlib import Path

import numpy as np

from animals10 import artifacts, decoding, errors, parameters, plots, splitting


def main() -> None:
    """Write data/splits.csv, the decoded splits, the class names and pictures of the data."""
    params = parameters.load()
    archive = Path("data/photos.zip")
    photos = decoding.list_photos(archive)
    splits = splitting.assign(photos, params.split.validation, params.split.test, params.seed)
    classes = sorted(splits["label"].unique())
    artifacts.write_csv(Path("data/splits.csv"), splits)
    artifacts.write_json(Path("models/classes.json"), classes)
    for split, members in splits.groupby("split"):
        folder = Path("data") / str(split)
        decoding.write_split(folder, archive, members, classes, params.image_size)
    _write_plots(classes, params.seed)
    counts = plots.images_per_class(splits)
    artifacts.write_csv(Path("plots/images_per_class.csv"), counts)
    totals = {str(split): int(count) for split, count in splits["split"].value_counts().items()}
    artifacts.write_json(
        Path("metrics/split.json"),
        {**totals, "duplicates": len(splits) - splits["group"].nunique()},
    )


def _write_plots(classes: list[str], seed: int) -> None:
    images = np.load("data/train/images.npy", mmap_mode="r", allow_pickle=False)
    labels = np.load("data/train/labels.npy", allow_pickle=False)
    rows = plots.pick_samples(labels, seed)
    titles = [classes[label] for label in labels[rows]]
    plots.write_samples(Path("plots/samples.png"), images[rows], titles)


if __name__ == "__main__":
    errors.run(main)
