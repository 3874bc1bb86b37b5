"""Time and memory of stages on photos of 12 megapixels: python benchmarks/large_photos.py.

Draws 600 JPEGs of 4,000 x 3,000 pixels, enlarged drawings of the sample with a camera's noise,
runs fetch, split and a training of the CNN in a clone, and writes benchmarks/large_photos.md.
"""

import argparse
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from scale import ROOT, measure
from tqdm import tqdm

import animals10_sample

COUNT, SIZE = 600, (4000, 3000)
STAGES = ("check", "fetch", "split", "train_cnn")


def draw(folder: Path, number: int) -> int:
    """Write one photo below a folder; return its bytes."""
    name = animals10_sample.CLASSES[number % len(animals10_sample.CLASSES)]
    rng = np.random.default_rng(number)
    enlarged = Image.fromarray(animals10_sample.draw(name, rng)).resize(
        SIZE, Image.Resampling.BICUBIC
    )
    noise = rng.integers(-6, 7, (SIZE[1], SIZE[0], 1), dtype=np.int16)
    noisy = np.clip(np.asarray(enlarged) + noise, 0, 255).astype(np.uint8)
    path = folder / name / f"{number:04d}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noisy).save(path, "JPEG", quality=90)
    return path.stat().st_size


def clone(folder: Path, photos: Path) -> None:
    """Clone the project, for these photos."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    values = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    values["fetch"]["source"] = str(photos)
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def main() -> None:
    """Draw the photos, measure every stage and write the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        photos, project = Path(name) / "photos", Path(name) / "project"
        with ProcessPoolExecutor() as pool:
            drawn = pool.map(partial(draw, photos), range(COUNT), chunksize=8)
            size = sum(tqdm(drawn, "draw", COUNT, unit="photo"))
        clone(project, photos)
        for stage in STAGES:
            seconds, mib = measure(stage, project)
            rows.append(f"| {stage} | {seconds:.0f} s | {COUNT / seconds:.1f} | {mib:,.0f} MiB |")
            print(rows[-1], flush=True)
    lines = [
        "# Photos of 12 megapixels",
        "",
        f"By `python benchmarks/large_photos.py`: {COUNT} drawn JPEGs of {SIZE[0]:,} x {SIZE[1]:,}",
        f"pixels, {size / COUNT / 1e6:.1f} MB each; all epochs of the default CNN; memory as in",
        "`scale.md`.",
        "",
        "| stage | time | photos/s | memory |",
        "| --- | ---: | ---: | ---: |",
        *rows,
    ]
    target = ROOT / "benchmarks" / "large_photos.md"
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
