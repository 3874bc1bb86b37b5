"""Steps of PyTorch and of ultralytics' smallest classifier, on one batch of noise in memory:

    uv run --no-project --with torch,torchvision,ultralytics python benchmarks/notebooks/pytorch.py

Prints images a second, as `benchmarks/acceleration.py` does of the pipeline: 32 images of 224
pixels, the fastest of nine steps. Fine-tuning has fixed batch normalization and Adam; features are
those of a frozen network, without a gradient.
"""

import time
from collections.abc import Callable

import torch
from torchvision.models import efficientnet_b0
from ultralytics import YOLO

BATCH, SIZE, STEPS = 32, 224, 9


def rate(step: Callable[[], object]) -> float:
    """Return the images a second of the fastest step, after one to warm up."""
    step()
    seconds = []
    for _ in range(STEPS):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return BATCH / min(seconds)


def training_step(network: torch.nn.Module) -> Callable[[], object]:
    """Return a step of fine-tuning all layers but batch normalization."""
    network.eval().requires_grad_(True)  # so that statistics stay, as in the pipeline
    images, labels = torch.rand(BATCH, 3, SIZE, SIZE), torch.arange(BATCH) % 10
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)

    def step() -> None:
        optimizer.zero_grad()
        outputs = network(images)
        logits = outputs[-1] if isinstance(outputs, tuple) else outputs  # ultralytics gives both
        torch.nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()

    return step


def feature_step(network: torch.nn.Module) -> Callable[[], object]:
    """Return a step of prediction."""
    network.eval()
    images = torch.rand(BATCH, 3, SIZE, SIZE)
    return torch.inference_mode()(lambda: network(images))


def main() -> None:
    """Print a row of Markdown for each network."""
    networks: dict[str, Callable[[], torch.nn.Module]] = {
        "torchvision EfficientNetB0": lambda: efficientnet_b0(num_classes=10),
        "ultralytics YOLO11n-cls": lambda: YOLO("yolo11n-cls.yaml").model,
    }
    for name, make in networks.items():
        features, training = rate(feature_step(make())), rate(training_step(make()))
        print(f"| {name}, {SIZE} px | {training:.0f} | {features:.0f} |")


if __name__ == "__main__":
    main()
