"""What backbones of KerasHub cost here, with random weights: python benchmarks/hub.py.

Features, and fine-tuning of the last two blocks, at 224 pixels in batches of 32; 5 minutes on 2
cores that do nothing else. Writes benchmarks/hub.md.
"""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from animals10.models import backbones, networks
from animals10.models.hub import network, origin
from animals10.models.hub.description import Description
from animals10.tracking import provenance
from animals10.training import execution

SIDE, PHOTOS = 224, 24_000
_STEPS = 5
_SMALL = {"num_layers": 12, "hidden_dim": 384, "num_heads": 6, "intermediate_dim": 1536}
_BASE = {"num_layers": 12, "hidden_dim": 768, "num_heads": 12, "mlp_dim": 3072}
_DINOV2 = "[DINOv2](https://github.com/facebookresearch/dinov2#pretrained-models)"
_VIT = "[ViT](https://github.com/google-research/vision_transformer)"
_LITE = (
    "[EfficientNet-Lite]"
    "(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite)"
)


class Backbone(NamedTuple):
    """A network, and what its authors say of it."""

    preset: str
    network: tuple[str, dict[str, Any]] | None  # of KerasHub: class and arguments
    accuracy: str  # of ImageNet
    licence: str


BACKBONES = {
    "DINOv2-S/14": Backbone(
        "hub:dinov2_small",
        ("DINOV2Backbone", _SMALL | {"patch_size": 14}),
        f"0.790 of 20 neighbours, 0.811 linear: {_DINOV2}",
        "Apache 2.0",
    ),
    "DINOv3-S/16": Backbone(
        "hub:dinov3_vit_small_lvd1689m",
        ("DINOV3Backbone", _SMALL | {"patch_size": 16}),
        "not in its README",
        "[DINOv3 License](https://ai.meta.com/resources/models-and-libraries/dinov3-license/): "
        "restrictive, to be passed on with what is made of it",
    ),
    "ViT-B/16": Backbone(
        "hub:vit_base_patch16_224_imagenet",
        ("ViTBackbone", _BASE | {"patch_size": 16}),
        f"0.812, fine-tuned: {_VIT}",
        "Apache 2.0",
    ),
    "EfficientNetLite2": Backbone(
        "EfficientNetLite2", None, f"0.776, trained on it, at 260 pixels: {_LITE}", "Apache 2.0"
    ),
}


def build(name: str) -> keras.Model:
    """Build a backbone with random weights."""
    known = BACKBONES[name].network
    if known is None:
        return backbones.build(name, SIDE)
    return network.build(Description(*known, 1 / 255, 0.0, SIDE), SIDE)


def measure(name: str, batch: int) -> tuple[float, float, float]:
    """Return millions of parameters, features a second, images a second of fine-tuning."""
    images = np.random.default_rng(0).integers(0, 256, (batch, SIDE, SIDE, 3)).astype("float32")
    backbone = build(name)
    copy = execution.prediction_copy(backbone, "auto")
    features = batch / _seconds(lambda: copy.predict_on_batch(images))
    model = networks.attach_head(
        backbone, networks.head(backbone.output_shape[-1], 10, dense=512, dropout=0.5)
    )
    backbones.unfreeze(backbone, "2" if BACKBONES[name].network else "block6e")
    training = execution.training_copy(model, "auto")
    training.compile("adamw", "sparse_categorical_crossentropy")
    labels = np.arange(batch) % 10
    steps = batch / _seconds(lambda: training.train_on_batch(images, labels))
    return backbone.count_params() / 1e6, features, steps


def _seconds(action: Callable[[], Any]) -> float:
    """Return the median time of an action, after one to warm up."""
    times = []
    for _ in range(1 + _STEPS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def table(batch: int) -> list[str]:
    """Measure all, and return the lines of a Markdown file."""
    facts = provenance.surroundings()
    lines = [
        "# What backbones of KerasHub cost",
        "",
        f"By `python benchmarks/hub.py`: {SIDE} pixels, batches of {batch}, random weights, on",
        f"{facts['machine']} ({facts['versions']}).",
        f"Minutes are of the features of {PHOTOS:,} photos.",
        "The accuracies are the authors', of ImageNet; none was measured here.",
        "",
        "| backbone | `backbone.name` | parameters, M | features/s | minutes | fine-tuning, last "
        "two blocks, images/s | ImageNet accuracy | licence of the weights |",
        "|---|---|--:|--:|--:|--:|---|---|",
    ]
    for name, about in BACKBONES.items():
        parameters, features, steps = measure(name, batch)
        lines.append(
            f"| {name} | `{about.preset}` | {parameters:.1f} | {features:.1f} | "
            f"{PHOTOS / features / 60:.0f} | {steps:.1f} | {about.accuracy} | {about.licence} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Measure, and write the table; another batch size than 32 only prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("batch", nargs="?", default=32, type=int)
    batch = parser.parse_args().batch
    origin.require_installed(BACKBONES["DINOv2-S/14"].preset)
    execution.seed_everything(1)
    lines = table(batch)
    if batch == 32:
        Path("benchmarks/hub.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    errors.run(main)
