"""Decide who sees which photo, and decode all of them: PYTHONPATH=src python stages/split.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from animals10 import artifacts, decoding, parameters, plots, similarity, splitting


def main() -> None:
    """Write data/splits.csv, the decoded splits, the class names and pictures of the data."""
    params = parameters.load()
    splits, pinned = _decide(params)
    classes = sorted(splits["label"].unique())
    artifacts.write_json(Path("models/classes.json"), classes)
    table = splits[["path", "label", "split", "sha256", "group"]]
    artifacts.write_csv(Path("data/splits.csv"), table)
    artifacts.write_csv(Path("plots/images_per_class.csv"), plots.images_per_class(splits))
    artifacts.write_json(Path("metrics/split.json"), splitting.summarize(splits, pinned))
    splitting.report(splits, pinned)
    for split in splitting.SPLITS:
        members = splits.loc[splits["split"] == split, ["label", "sha256", "begin", "size"]]
        folder, archive = Path("data") / split, Path("data/photos.zip")
        decoding.write_split(folder, archive, members, classes, params.image_size)
    _write_plots(classes, params.seed)


def _decide(params: parameters.Parameters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all photos with their splits, and the earlier split that they keep to."""
    pinned = splitting.read_pinned(Path(params.split.pinned))
    types = defaultdict(lambda: str, size="int64", begin="int64")
    # In pieces, since pandas has what it reads twice in memory.
    pieces = pd.read_csv("data/photos.csv", dtype=types, keep_default_na=False, chunksize=8192)
    photos = pd.concat(pieces, ignore_index=True)
    photos, pinned = similarity.add_groups(photos, pinned, params.split.near_duplicates)
    shares = params.split.validation, params.split.test
    return splitting.assign(photos, pinned, *shares, params.seed), pinned


def _write_plots(classes: list[str], seed: int) -> None:
    images = np.load("data/train/images.npy", mmap_mode="r", allow_pickle=False)
    labels = np.load("data/train/labels.npy", allow_pickle=False)
    rows = plots.pick_samples(labels, seed)
    titles = [classes[label] for label in labels[rows]]
    plots.write_samples(Path("plots/samples.png"), images[rows], titles)


if __name__ == "__main__":
    errors.run(main)
