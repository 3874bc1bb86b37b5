"""How fast exported models predict: python benchmarks/predict.py.

Networks with random weights, which takes no less time than trained ones do. The ways take turns in
one process, on photos in memory; 5 minutes on 2 cores. Writes benchmarks/predict.md.
"""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np
from drawn import jpeg

import animals10_sample
from animals10 import files
from animals10.data.archives import Entry
from animals10.deployment import graph, photos, quantization
from animals10.deployment.predictor import Predictor, open_session
from animals10.evaluation import familiarity
from animals10.images.decoding import decode
from animals10.models import backbones, networks
from animals10.monitoring.projection import principal_axes
from animals10.monitoring.reference import Reference
from animals10.tracking.provenance import revision, surroundings

NETWORKS = (("EfficientNetLite2", 128), ("EfficientNetLite2", 260), ("EfficientNetB0", 224))
OUT = Path("benchmarks/out")
TURNS, IMAGES = 15, 192
BATCHES = (8, 16, 32, 64, 128)  # of Keras; its best counts
Way = Callable[[], object]


def build(name: str, size: int) -> tuple[keras.Model, Path, Path]:
    """Build a transfer model, and export it as the stage does: whole, and in 8-bit integers."""
    backbone = backbones.build(name, size)
    head = networks.head(backbone.output_shape[-1], 10, dense=512, dropout=0.5, feature_length=30)
    model, rng = networks.attach_head(backbone, head), np.random.default_rng(0)
    features = rng.random((100, backbone.output_shape[-1]), np.float32)
    known = familiarity.fit(features, np.arange(100) % 10)
    about = {"classes": json.dumps(list(animals10_sample.CLASSES)), "image_size": str(size)}
    about |= {"threshold": "0.5", "unfamiliarity_threshold": "1000", "name": name}
    about["reference"] = Reference(np.ones(10, np.int64), np.zeros((201, 19))).to_json()
    base, images = graph.convert(model), rng.integers(0, 256, (16, size, size, 3), np.uint8)
    (integers,) = (
        each for kind, each in quantization.quantized(base, images, np.arange(16))
        if kind == "per_channel"
    )  # fmt: skip
    paths = OUT / f"{name}-{size}.onnx", OUT / f"{name}-{size}-int8.onnx"
    for path, each in zip(paths, (base, integers), strict=True):
        exported = graph.finish(each, 1.0, known, principal_axes(features))
        files.write_bytes(path, graph.to_bytes(exported, about))
    return model, *paths


def seconds(ways: dict[str, Way], turns: int) -> dict[str, float]:
    """Run each way once, then all in turn; return the median of each."""
    for way in ways.values():
        way()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def single(model: keras.Model, predictor: Predictor, path: Path) -> dict[str, float]:
    """Time one photo from its bytes to probabilities, in milliseconds."""
    content, session, size = jpeg(0), open_session(path), predictor.size
    entries = [Entry("photo", lambda: content, len(content))]
    ways: dict[str, Way] = {
        "predict": lambda: list(photos.predictions(predictor, entries, 2)),
        "bare": lambda: session.run(None, {"image": decode(content, size)[None]}),
        "keras": lambda: model.predict(decode(content, size)[None], verbose=0),
    }
    return {name: 1000 * value for name, value in seconds(ways, TURNS).items()}


def many(model: keras.Model, predictor: Predictor, integers: Predictor) -> dict[str, float]:
    """Count images a second, of decoded images in memory."""
    images = np.stack([decode(jpeg(number % 16), predictor.size) for number in range(IMAGES)])

    def by_keras(size: int) -> Way:
        return lambda: model.predict(images, batch_size=size, verbose=0)

    ways: dict[str, Way] = {
        "predict": lambda: predictor.predict(images),
        "int8": lambda: integers.predict(images),
    }
    ways |= {f"keras {size}": by_keras(size) for size in BATCHES}
    rates = {name: IMAGES / value for name, value in seconds(ways, 3).items()}
    own = {name: rates.pop(name) for name in ("predict", "int8")}
    return own | {"keras": max(rates.values())}


def start(path: Path) -> float:
    """Time the command, from its start to its end, for one photo."""
    photo = OUT / "photo.jpg"
    files.write_bytes(photo, jpeg(0))
    command = [sys.executable, "-m", "animals10", "predict", str(photo), "--model", str(path)]
    environment = os.environ | {"PYTHONPATH": "src"}
    run = partial(subprocess.run, command, env=environment, capture_output=True, check=True)
    return seconds({"start": run}, 5)["start"]


def row(name: str, size: int) -> str:
    """Measure a network at a size of image."""
    model, path, integers = build(name, size)
    predictor = Predictor(path)
    one, rates = single(model, predictor, path), many(model, predictor, Predictor(integers))
    cells = [
        f"{name}, {size}",
        *(f"{one[way]:.1f} ms" for way in ("predict", "bare", "keras")),
        f"{one['keras'] / one['predict']:.0f}, {one['predict'] / one['bare']:.2f}",
        *(f"{rates[way]:.0f}" for way in ("predict", "keras")),
        f"{rates['predict'] / rates['keras']:.2f}",
        f"{rates['int8']:.0f}",
        f"{start(path):.2f} s",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, and write the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    rows = [row(*each) for each in NETWORKS]
    lines = [
        "# How fast exported models predict",
        "",
        f"By `python benchmarks/predict.py`, revision {revision()[:7]}, on",
        f"{surroundings()['machine']}: transfer models, one photo from its bytes to",
        "probabilities (`predict`; decoding and a bare call of ONNX Runtime; decoding and Keras's",
        f"`model.predict`), then images a second of {IMAGES} in memory (Keras at its best batch",
        f"size of {', '.join(map(str, BATCHES))}), and the whole command for one photo. Medians of",
        "ways that take turns.",
        "",
        "| network, pixels | one: predict | bare | Keras | Keras / predict, predict / bare "
        "| many: predict | Keras | ratio | int8 | command |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *rows,
    ]
    Path("benchmarks/predict.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*rows, sep="\n")


if __name__ == "__main__":
    errors.run(main)
