"""How well `drift` tells other photos from the same: python benchmarks/drift.py [model].

On the test photos of a finished run, by models/<model>.onnx (finetuned by default); 3 minutes on 2
cores for 3,600 photos of 260 pixels. Writes benchmarks/drift.md.
"""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import argparse
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import animals10_sample
from animals10 import files
from animals10.deployment.predictor import Predictor
from animals10.evaluation.corruptions import corrupt
from animals10.monitoring import drift
from animals10.monitoring.observation import Observations, observe
from animals10.tracking.provenance import revision
from animals10.training.batches import Examples, load_split

LOGS, LENGTH = 200, 300  # of each kind; predictions of a log
CHANGED = 1200  # photos that are changed, of which logs are drawn
TIMES = 3  # as often as before
Change = Callable[[np.ndarray], np.ndarray]


def as_they_are(image: np.ndarray) -> np.ndarray:
    """Return a photo."""
    return image


def grey(image: np.ndarray) -> np.ndarray:
    """Take the colours out of a photo."""
    return np.asarray(Image.fromarray(image).convert("L").convert("RGB"))


def blurred(image: np.ndarray) -> np.ndarray:
    """Blur a photo as the report's second strength does, by 1 % of its side."""
    return corrupt(image, "blur", 2, np.random.default_rng(0))


def drawings(size: int) -> np.ndarray:
    """Draw the same animals as the sample has, in another style than photos have."""
    classes, count = animals10_sample.CLASSES, 2 * LENGTH
    drawn = (animals10_sample.draw(classes[i % 10], np.random.default_rng(i)) for i in range(count))
    return np.stack([np.asarray(Image.fromarray(each).resize((size, size))) for each in drawn])


def predict(predictor: Predictor, images: np.ndarray, change: Change = as_they_are) -> Observations:
    """Observe predictions for changed photos, some at a time."""
    parts = []
    for start in range(0, len(images), 64):
        changed = np.stack([change(image) for image in images[start : start + 64]])
        outputs = predictor.predict(changed)
        parts.append(observe(changed, outputs.probabilities, outputs.projection))
    return Observations(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def samples(count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw rows of logs, each without replacement."""
    for _ in range(LOGS):
        yield rng.choice(count, min(LENGTH, count // 2), replace=False)


def shifted(labels: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw rows of logs in which one class is more frequent, the classes in turn."""
    classes, length = np.unique(labels), min(LENGTH, len(labels) // 2)
    for number in range(LOGS):
        inside = labels == classes[number % len(classes)]
        more = min(rng.binomial(length, min(1, TIMES * inside.mean())), int(inside.sum()))
        rows = [(inside, more), (~inside, length - more)]
        yield np.concatenate([rng.choice(np.flatnonzero(of), n, replace=False) for of, n in rows])


def weighted(labels: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw rows of logs in which each photo of one class has higher odds, the classes in turn."""
    classes, length = np.unique(labels), min(LENGTH, len(labels) // 2)
    for number in range(LOGS):
        odds = np.where(labels == classes[number % len(classes)], TIMES, 1)
        yield rng.choice(len(labels), length, replace=False, p=odds / odds.sum())


def count(predictor: Predictor, observed: Observations, logs: Iterator[np.ndarray]) -> list[str]:
    """Return in how many logs there is drift, and what shows it most often."""
    seen, by = 0, dict.fromkeys(("class", "probability", "brightness", "sharpness", "features"), 0)
    for rows in logs:
        log = Observations(observed.predicted[rows], observed.numbers[rows])
        found = drift.worries(drift.compare(predictor.reference, log, predictor.classes))
        seen += bool(found)
        for change in found:
            by[change.measure] += 1
    return [str(value) for value in (seen, *by.values())]


def measure(predictor: Predictor, test: Examples) -> dict[str, list[str]]:
    """Count drift in logs of each kind."""
    rng, some = np.random.default_rng(0), slice(None, None, max(1, len(test.labels) // CHANGED))
    usual, images = predict(predictor, test.inputs), test.inputs[some]
    rows = {"as they are": count(predictor, usual, samples(len(usual.predicted), rng))}
    rows["one class three times as often"] = count(predictor, usual, shifted(test.labels, rng))
    for change in (grey, blurred):
        observed = predict(predictor, images, change)
        rows[change.__name__] = count(predictor, observed, samples(len(images), rng))
    observed = predict(predictor, drawings(predictor.size))
    rows["drawn"] = count(predictor, observed, samples(len(observed.predicted), rng))
    rows["one class with three times the odds"] = count(
        predictor, usual, weighted(test.labels, rng)
    )
    return rows


def _explained(name: str, photos: int) -> str:
    return (
        f"By `python benchmarks/drift.py {name}`, revision {revision()[:7]}: in how many of {LOGS} "
        "logs `drift` sees other photos than those of validation, and by what. A log has "
        f"{min(LENGTH, photos // 2)} predictions, drawn without replacement from those for "
        f"{photos:,} test photos, or for some {CHANGED:,} of these that are made grey or blurred "
        "by 1 % of an image's side, or for 600 drawings of the same animals. Where one class comes "
        f"{TIMES} times as often, it has {TIMES} times its fraction of the test photos, by labels; "
        f"with {TIMES} times the odds, each of its photos is that much likelier to be drawn, which "
        "is a smaller shift. Each class in turn."
    )


def main() -> None:
    """Count, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="finetuned", choices=files.NETWORKS)
    name = parser.parse_args().model
    test = load_split(files.STAGES / "split" / files.NETWORKS[name] / "test")
    predictor = Predictor(Path(f"models/{name}.onnx"))
    rows = measure(predictor, test)
    lines = [
        "# Drift of logs",
        "",
        *textwrap.wrap(_explained(name, len(test.labels)), 99),
        "",
        "| photos | drift | class | probability | brightness | sharpness | features |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *(f"| {kind} | {' | '.join(row)} |" for kind, row in rows.items()),
    ]
    Path("benchmarks/drift.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


if __name__ == "__main__":
    errors.run(main)
