"""Near-duplicates among the photos of Animals-10: python benchmarks/duplicates.py.

Prints the table of benchmarks/duplicates.md, and draws two pictures for a person to look at into
benchmarks/out (not in git, since they show photos of others): the 20 largest groups, and 50 pairs.
"""

import argparse
import zipfile
from itertools import pairwise
from pathlib import Path

import faiss
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from tqdm import tqdm

from animals10 import errors, parameters
from animals10.data import near_duplicates
from animals10.data.archives import open_archive
from animals10.data.scanning import Photo, ScanResult, scan
from animals10.data.splitting import assign
from animals10.errors import UserError
from animals10.images.decoding import decode

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT.parent / "shared" / "data" / "animals10-224.zip"
OUT = ROOT / "benchmarks" / "out"
NOTHING = pd.DataFrame(columns=["path", "split", "sha256", "group"])


def copies_in_training(photos: pd.DataFrame, seed: int) -> int:
    """Count the test photos of a split that ignores groups which have one in training."""
    alone = near_duplicates.add_groups(photos, NOTHING, threshold=None)
    splits = assign(alone.photos, NOTHING, 0.15, 0.15, seed)
    splits = splits.merge(photos[["path", "group"]], on="path")
    trained = set(splits["group_y"][splits["split"] == "train"])
    return int(splits["group_y"][splits["split"] == "test"].isin(trained).sum())


def print_distances(photos: pd.DataFrame) -> None:
    """Print how many pairs differ by how many bits, in steps around the threshold."""
    steps = [0, 10, 20, 46, 58, 66, 74, 82, 90]
    plain, mirrored = (near_duplicates.bits(photos[column]) for column in ("phash", "mirrored"))
    index = faiss.IndexBinaryFlat(256)
    index.add(plain)
    print("| bits |", " | ".join(f"{a} to {b - 2}" for a, b in pairwise(steps)), "|")
    for name, asked in (("as they are", plain), ("mirrored", mirrored)):
        limits, distances, found = index.range_search(asked, steps[-1])
        rows = np.repeat(np.arange(len(photos)), np.diff(limits.astype(np.int64)))
        counts, _ = np.histogram(distances[rows < found], steps)
        print(f"| {name} |", " | ".join(f"{count:,}" for count in counts), "|")


def draw(rows: list[list[str]], path: Path, titles: list[str]) -> None:
    """Draw rows of photos."""
    figure, axes = plt.subplots(len(rows), max(map(len, rows)), figsize=(12, 0.9 * len(rows)))
    with zipfile.ZipFile(SOURCE) as archive:
        for line, names, title in zip(axes, rows, titles, strict=True):
            for axis in line:
                axis.axis("off")
            for axis, name in zip(line, names, strict=False):
                axis.imshow(decode(archive.read(f"raw-img/{name}"), 96))
            line[0].set_title(title, fontsize=6)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)


def main() -> None:
    """Measure and draw."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    result = ScanResult()
    with SOURCE.open("rb") as file, open_archive(file, SOURCE.name) as entries:
        for _ in tqdm(scan(entries, 24, result), disable=True):
            pass
    photos = pd.DataFrame(result.photos, columns=Photo._fields)
    threshold = parameters.load(ROOT / "params.yaml").split.near_duplicates
    if threshold is None:
        raise UserError("split.near_duplicates = null groups nothing; give a number of bits")
    grouped = near_duplicates.add_groups(photos, NOTHING, threshold)
    photos = grouped.photos
    groups = photos.groupby("group")["path"].apply(list)
    groups = groups[groups.map(len) > 1].sort_values(key=lambda paths: paths.map(len))[::-1]
    labels = photos.groupby("group")["label"].nunique()
    copies = [copies_in_training(photos, seed) for seed in range(5)]
    tests = int(0.15 * len(photos))
    print(f"| photos | {len(photos):,} |\n|---|---:|")
    print(f"| groups of two or more | {len(groups):,} |")
    print(f"| photos in them | {int(groups.map(len).sum()):,} |")
    print(f"| largest group | {len(groups.iloc[0])} |")
    print(f"| groups divided | {grouped.divided} |")
    print(f"| groups with two labels | {int((labels > 1).sum())} |")
    print(
        f"| test photos with a copy in training, were groups ignored (5 seeds) "
        f"| {np.mean(copies):.0f} ({min(copies)} to {max(copies)}) of {tests:,} |"
    )
    print_distances(photos)
    OUT.mkdir(exist_ok=True)
    largest = groups[:20].tolist()
    draw(largest, OUT / "largest.png", [f"{len(paths)}" for paths in largest])
    chosen = groups.sample(50, random_state=0).tolist()
    draw([sum((p[:2] for p in chosen[i : i + 5]), []) for i in range(0, 50, 5)],
         OUT / "pairs.png", [""] * 10)  # fmt: skip


if __name__ == "__main__":
    errors.run(main)
