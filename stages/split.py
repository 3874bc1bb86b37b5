"""Decide who sees which photo, and decode all of them: PYTHONPATH=src python stages/split.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

import numpy as np
import pandas as pd

from animals10 import artifacts, decoding, parameters, plots, similarity, splitting


def main() -> None:
    """Write data/splits.csv, the decoded splits, the class names and pictures of the data."""
    params = parameters.load()
    pinned = splitting.read_pinned(Path(params.split.pinned))
    # In pieces, since pandas has what it reads twice in memory.
    pieces = pd.read_csv("data/photos.csv", dtype=str, keep_default_na=False, chunksize=8192)
    photos = pd.concat(pieces, ignore_index=True)
    photos, pinned = similarity.add_groups(photos, pinned, params.split.near_duplicates)
    shares = params.split.validation, params.split.test
    splits = splitting.assign(photos, pinned, *shares, params.seed)
    classes = sorted(splits["label"].unique())
    artifacts.write_csv(Path("data/splits.csv"), splits)
    artifacts.write_json(Path("models/classes.json"), classes)
    for split, members in splits.groupby("split"):
        folder, archive = Path("data") / str(split), Path("data/photos.zip")
        decoding.write_split(folder, archive, members, classes, params.image_size)
    _write_plots(classes, params.seed)
    counts = plots.images_per_class(splits)
    artifacts.write_csv(Path("plots/images_per_class.csv"), counts)
    artifacts.write_json(Path("metrics/split.json"), splitting.summarize(splits, pinned))
    splitting.report(splits, pinned)


def _write_plots(classes: list[str], seed: int) -> None:
    images = np.load("data/train/images.npy", mmap_mode="r", allow_pickle=False)
    labels = np.load("data/train/labels.npy", allow_pickle=False)
    rows = plots.pick_samples(labels, seed)
    titles = [classes[label] for label in labels[rows]]
    plots.write_samples(Path("plots/samples.png"), images[rows], titles)


if __name__ == "__main__":
    errors.run(main)
