"""Decide who sees which photo, and decode all of them: PYTHONPATH=src python stages/split.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from animals10 import (
    artifacts,
    decoding,
    parallel,
    parameters,
    photos,
    plots,
    similarity,
    splitting,
)

pa.set_memory_pool(pa.system_memory_pool())  # for pandas's text; Arrow's own keeps what was freed
FETCHED, OUT = Path("data/_stages/fetch"), Path("data/_stages/split")


def main() -> None:
    """Write splits.csv, the decoded splits, the class names and pictures of the data."""
    params = parameters.load()
    splits = parallel.apart(_decide, params)
    classes = sorted(splits["label"].unique())
    artifacts.write_json(Path("models/classes.json"), classes)
    for split in splitting.SPLITS:
        chosen = (splits["split"] == split).to_numpy()
        labels = splits["label"][chosen].map(classes.index).to_numpy()
        places = photos.places(FETCHED / "photos.csv", chosen)
        decoding.write_split(OUT / split, FETCHED / "photos.zip", labels, places, params.image_size)
    _write_plots(classes, params.split.seed)


def _decide(params: parameters.Parameters) -> pd.DataFrame:
    """Decide who sees which photo, say so, and return the photos' labels and splits."""
    pinned = splitting.read_pinned(Path(params.split.pinned))
    threshold = params.split.near_duplicates
    grouped = similarity.add_groups(*photos.read(FETCHED / "photos.csv"), pinned, threshold)
    table, pinned, names, taken_apart = grouped
    if taken_apart:
        print(
            f"{taken_apart} groups of look-alikes, too many to be copies, were taken apart: "
            f"split.near_duplicates = {threshold} may be high for such pictures; what belongs "
            "together, say frames of a video, a manifest's column group says"
        )
    shares = params.split.validation, params.split.test
    splits = splitting.assign(table, pinned, names, *shares, params.split.seed)
    artifacts.write_pieces(OUT / "splits.csv", splitting.named(splits, names))
    straddling = splitting.straddling(splits)
    artifacts.write_pieces(OUT / "duplicates.csv", splitting.named(straddling, names))
    artifacts.write_csv(Path("plots/images_per_class.csv"), plots.images_per_class(splits))
    artifacts.write_json(Path("metrics/split.json"), splitting.summarize(splits, pinned))
    splitting.report(splits, pinned)
    return splits[["label", "split"]].astype("category")


def _write_plots(classes: list[str], seed: int) -> None:
    images = np.load(OUT / "train/images.npy", mmap_mode="r", allow_pickle=False)
    labels = np.load(OUT / "train/labels.npy", allow_pickle=False)
    rows = plots.pick_samples(labels, seed)
    titles = [classes[label] for label in labels[rows]]
    plots.write_samples(Path("plots/samples.png"), images[rows], titles)


if __name__ == "__main__":
    errors.run(main)
