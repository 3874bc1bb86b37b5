"""What each backbone costs here, beside its public figures: python benchmarks/backbones.py [NAME…].

Without names it measures all, in 10 minutes, and writes benchmarks/backbones.{csv,md,png}.
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from animals10 import errors, files, parameters
from animals10.tracking import provenance

BATCH = 32  # images, as in the quoted times
_STEPS = 3
QUOTED = Path("benchmarks/quoted_backbones.csv")
# Validation accuracy on all photos of Animals-10, where weights were at hand: of the default the
# mean of three seeds (ablation.md), of others one run.
PHOTOS = Path("benchmarks/animals10_backbones.csv")
_ADVICE = """
Which to take: for photos the default, EfficientNetLite2; for a head alone EfficientNetLite1 is as
accurate and faster; where time or memory are short, EfficientNetLite0. Their weights come with the
installation. Where weights may be downloaded, EfficientNetV2B0 costs about as much as
EfficientNetB0, and is more accurate on ImageNet; EfficientNetV2B3 is more accurate still, and
takes three times as long. On a CPU ConvNeXtTiny takes twenty times as long.
Those of KerasHub are in hub.md.
"""


def measure(name: str, batch: int = BATCH) -> dict[str, float]:
    """Measure a network with its classifier at its own input size, as the quoted figures are.

    Args:
        name: one of `parameters.BACKBONES`.
        batch: images a step.

    Returns:
        image_size (pixels), size_mb (float32 weights, 2**20 bytes), parameters_m (millions), depth
        (layers with parameters), step_ms (median of three after one to warm up), and
        peak_memory_mb (of the process, Keras included).
    """
    import keras  # in the measuring process alone

    from animals10.models import efficientnet_lite

    if name in efficientnet_lite.SCALES:
        size = parameters.OWN_IMAGE[name]
        model = efficientnet_lite.build(name, keras.Input((size, size, 3)), classes=1000)
    else:
        model = getattr(keras.applications, name)(weights=None)
    size = model.input_shape[1] or 224  # MobileNetV3 takes any, and is quoted at 224
    images = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3)).astype("float32")
    seconds = []
    for _ in range(1 + _STEPS):
        start = time.perf_counter()
        model.predict_on_batch(images)
        seconds.append(time.perf_counter() - start)
    count = model.count_params()
    return {
        "image_size": size,
        "size_mb": count * 4 / 2**20,
        "parameters_m": count / 1e6,
        "depth": sum(bool(layer.weights) for layer in model.layers),
        "step_ms": 1000 * statistics.median(seconds[1:]),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (2**20 if sys.platform == "darwin" else 2**10),
    }


def measure_all(names: Iterable[str], batch: int = BATCH) -> pd.DataFrame:
    """Measure networks one after the other, each in a process of its own, for its peak memory.

    Args:
        names: as in `parameters.BACKBONES`.
        batch: images a step.

    Returns:
        A row per network: name, and what `measure` returns.
    """
    rows = []
    context = multiprocessing.get_context("spawn")
    for name in tqdm(list(names), desc="backbones", disable=None):
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            rows.append({"name": name, **pool.submit(measure, name, batch).result()})
    return pd.DataFrame(rows)


def write_table(
    folder: Path,
    measured: pd.DataFrame,
    quoted: pd.DataFrame,
    photos: pd.DataFrame,
    batch: int = BATCH,
) -> list[Path]:
    """Write measured beside quoted figures.

    Args:
        folder: for `backbones.csv`, `backbones.md` and `backbones.png`.
        measured: as `measure_all` returns it.
        quoted: columns name, source, size_mb, top1, top5, parameters_m, depth, cpu_ms, gpu_ms.
        photos: columns name, frozen, finetuned: accuracies of the pipeline's models, 0..1.
        batch: images a step in `measured`.

    Returns:
        The three paths.
    """
    table = measured.merge(quoted, on="name", how="left", suffixes=("", "_quoted"))
    table = table.merge(photos, on="name", how="left")
    paths = [folder / f"backbones.{suffix}" for suffix in ("csv", "md", "png")]
    files.write_csv(paths[0], table)
    with files.replacing(paths[1]) as temporary:
        temporary.write_text(_markdown(table, batch), encoding="utf-8")
    _plot(paths[2], table, batch)
    return paths


def _markdown(table: pd.DataFrame, batch: int) -> str:
    pairs = {
        "size, MB": ("size_mb", "size_mb_quoted", ".0f"),
        "parameters, M": ("parameters_m", "parameters_m_quoted", ".1f"),
        "depth": ("depth", "depth_quoted", ".0f"),
        "ms a step": ("step_ms", "cpu_ms", ".0f"),
    }
    facts = provenance.surroundings()
    columns = ["model", "input, px", *pairs, "peak memory, MB", "top-1, %", "top-5, %"]
    columns += ["Animals-10, head", "fine-tuned"]
    lines = [
        "# What each backbone costs",
        "",
        f"By `make backbones`: measured on {facts['machine']}",
        f"({facts['versions']}), a step being a batch of {batch}, the median of {_STEPS};",
        "in brackets what the study quotes, or keras.io where it has none, or of EfficientNet-Lite",
        "Google (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite;",
        "`quoted_backbones.csv`;",
        "its times are of another machine). Top-1 and top-5 are quoted, of ImageNet; the last two",
        "are the pipeline's, on validation photos of Animals-10 (`animals10_backbones.csv`).",
        _ADVICE,
        "| " + " | ".join(columns) + " |",
        "|---|" + "--:|" * (len(columns) - 1),
    ]
    for row in table.to_dict("records"):
        cells = [row["name"], f"{row['image_size']:.0f}"]
        for here, elsewhere, form in pairs.values():
            cells.append(f"{row[here]:{form}} ({_or_dash(row[elsewhere], form)})")
        cells += [f"{row['peak_memory_mb']:.0f}"]
        cells += [_or_dash(row[name], ".1f") for name in ("top1", "top5")]
        cells += [_or_dash(row[name], ".3f") for name in ("frozen", "finetuned")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _or_dash(value: float, form: str) -> str:
    return "–" if pd.isna(value) else f"{value:{form}}"


def _plot(path: Path, table: pd.DataFrame, batch: int) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    axes.scatter(table["step_ms"] / batch, table["top1"], s=4 * table["parameters_m"], alpha=0.5)
    axes.set_xscale("log")
    axes.margins(x=0.12)  # for names
    for row in table.dropna(subset=["top1"]).to_dict("records"):
        place = (row["step_ms"] / batch, row["top1"])
        ratio = table["step_ms"] / row["step_ms"]
        crowded = ratio.between(1.01, 1.8) & (table["top1"] - row["top1"]).abs().lt(0.45)
        side = {"xytext": (-5, 3), "ha": "right"} if crowded.any() else {"xytext": (5, 3)}
        axes.annotate(row["name"], place, fontsize=7, textcoords="offset points", **side)
    axes.set_xlabel("measured here: milliseconds an image, at the network's own input size")
    axes.set_ylabel("quoted: ImageNet top-1 accuracy, %")
    axes.set_title("What accuracy costs (area: parameters)")
    axes.grid(alpha=0.3)
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=100, metadata={"Software": None})


def main() -> None:
    """Measure, and write the table."""
    names = parameters.BACKBONES
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *names], metavar="name")
    parser.add_argument("--batch", type=int, default=BATCH, help="images a step")
    parser.add_argument("--folder", type=Path, help="for the table")
    arguments = parser.parse_args()
    # The committed table is of all, at the batch size of the quoted figures.
    whole = not arguments.names and arguments.batch == BATCH
    folder = arguments.folder or Path("benchmarks" if whole else "benchmarks/out")
    quoted, photos = pd.read_csv(QUOTED), pd.read_csv(PHOTOS)  # first: measuring takes minutes
    measured = measure_all(arguments.names or names, arguments.batch)
    written = write_table(folder, measured, quoted, photos, arguments.batch)
    print(written[1].read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    errors.run(main)
