"""How well photos of none of the classes are recognized: python benchmarks/unfamiliar.py [network].

On photos of ../shared/data/animals10-224.zip, 300 of each class, by features of a pre-trained
network (the frozen model's; EfficientNetLite2 by default); 1 minute on 2 cores. Writes
benchmarks/unfamiliar.md.
"""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path, PurePosixPath

import keras
import numpy as np
from PIL import Image, ImageDraw
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

import animals10_sample
from animals10.data.archives import open_archive
from animals10.evaluation import familiarity
from animals10.images.decoding import decode
from animals10.models import backbones, weights
from animals10.parameters import OWN_IMAGE, Backbone
from animals10.tracking.provenance import revision
from animals10.training import execution
from animals10.training.batches import Batches, Examples

PHOTOS = Path("../shared/data/animals10-224.zip")
EACH, REJECTED = 300, 0.01  # photos of a class; fraction of validation photos that are rejected
OTHERS = 300  # drawings, pictures of noise, documents
SPLITS = {"train": slice(0, 200), "validation": slice(200, 250), "test": slice(250, 300)}


def read_photos(size: int) -> np.ndarray:
    """Decode as many photos of each class, class by class."""
    names = defaultdict(list)
    with PHOTOS.open("rb") as file, open_archive(file, str(PHOTOS)) as entries:
        for entry in entries:
            if not entry.name.endswith("/"):
                names[PurePosixPath(entry.name).parent.name].append(entry)
        # Spread over the whole class, since neighbours by name may be alike.
        chosen = [group[:: len(group) // EACH][:EACH] for _, group in sorted(names.items())]
        images = [decode(entry.read(), size) for group in chosen for entry in group]
    return np.stack(images)


def drawings(size: int) -> np.ndarray:
    """Draw the same animals, in another style than photos have."""
    classes = animals10_sample.CLASSES
    drawn = [
        animals10_sample.draw(classes[i % 10], np.random.default_rng(i)) for i in range(OTHERS)
    ]
    return np.stack([np.asarray(Image.fromarray(each).resize((size, size))) for each in drawn])


def noise(size: int) -> np.ndarray:
    """Draw random colours, from single pixels to large spots."""
    rng, sides = np.random.default_rng(0), (4, 8, 16, 32, size)
    coarse = [rng.integers(0, 256, (side, side, 3), np.uint8) for side in sides * (OTHERS // 5)]
    return np.stack([np.asarray(Image.fromarray(each).resize((size, size))) for each in coarse])


def documents(size: int) -> np.ndarray:
    """Draw pages: dark words in lines on white."""
    return np.stack([_page(np.random.default_rng(number), size) for number in range(OTHERS)])


def _page(rng: np.random.Generator, size: int) -> np.ndarray:
    page = Image.new("L", (size, size), int(rng.integers(235, 256)))
    draw, ink = ImageDraw.Draw(page), int(rng.integers(0, 90))
    for top in range(12, size - 12, int(rng.integers(9, 16))):
        left = 12
        while left < size - 30:
            width = int(rng.integers(5, 30))
            draw.rectangle((left, top, min(left + width, size - 12), top + 4), fill=ink)
            left += width + 4
    return np.asarray(page.convert("RGB"))


class Scores:
    """Both ways to say how odd features are, fitted to those of some classes."""

    def __init__(self, features: np.ndarray, labels: np.ndarray) -> None:
        self._known = familiarity.fit(features, labels)
        self._classifier = make_pipeline(Normalizer(), LogisticRegression(C=10, max_iter=1000))
        self._classifier.fit(features, labels)

    def __call__(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the distance, and how low the highest probability is."""
        sure = self._classifier.predict_proba(features).max(axis=1)
        return self._known.distance(features), 1 - sure


def compare(scores: Scores, usual: dict[str, np.ndarray], odd: np.ndarray) -> list[float]:
    """Return the AUROC of both scores, and the fractions of odd and of test that are rejected."""
    validation, test, others = scores(usual["validation"]), scores(usual["test"]), scores(odd)
    labels = np.repeat([0, 1], [len(test[0]), len(others[0])])
    areas = [roc_auc_score(labels, np.concatenate(pair)) for pair in zip(test, others, strict=True)]
    threshold = np.quantile(validation[0], 1 - REJECTED, method="higher")
    return [*areas, (others[0] > threshold).mean(), (test[0] > threshold).mean()]


def compare_left_out(features: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> list[float]:
    """Leave out each class in turn; return the means of `compare`."""
    results = []
    for left_out in np.unique(labels["train"]):
        kept = {split: features[split][labels[split] != left_out] for split in SPLITS}
        scores = Scores(kept["train"], labels["train"][labels["train"] != left_out])
        results.append(compare(scores, kept, features["test"][labels["test"] == left_out]))
    return list(np.mean(results, axis=0))


def build(name: str) -> keras.Model:
    """Build a network with the weights that come with the installation."""
    backbone = Backbone(name=name, weights="package")
    with tempfile.TemporaryDirectory() as folder:
        weights.provide(backbone, Path(folder))
        return backbones.build(name, OWN_IMAGE[name], weights.provided(Path(folder)))


def main() -> None:
    """Compute the features, compare, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", nargs="?", default="EfficientNetLite2", choices=OWN_IMAGE)
    name = parser.parse_args().network
    size, copy = OWN_IMAGE[name], execution.prediction_copy(build(name), "auto")

    def features(images: np.ndarray) -> np.ndarray:
        examples = Examples(images, np.zeros(len(images), np.int64))
        return execution.predict(copy, Batches(examples, 64, shuffle=False), "auto")

    computed = features(read_photos(size)).reshape(-1, EACH, copy.output_shape[-1])
    parts = {split: computed[:, rows] for split, rows in SPLITS.items()}
    each = {split: np.concatenate(part) for split, part in parts.items()}
    numbers = np.arange(len(computed))
    labels = {split: np.repeat(numbers, part.shape[1]) for split, part in parts.items()}
    scores = Scores(each["train"], labels["train"])
    rows = {
        kind.__name__: compare(scores, each, features(kind(size)))
        for kind in (drawings, noise, documents)
    }
    rows["a class left out"] = compare_left_out(each, labels)
    write(name, rows)


def write(name: str, rows: dict[str, list[float]]) -> None:
    """Write the table."""
    lines = [
        "# Photos of none of the classes",
        "",
        f"By `python benchmarks/unfamiliar.py {name}`, revision {revision()[:7]}: AUROC of test",
        "photos of Animals-10 against other pictures, by the distance that exported models",
        "compute (`evaluation/familiarity.py`) and by the highest probability of a logistic",
        "regression; and what is rejected where the distance rejects 1 % of validation photos. The",
        "last row is the mean over the ten classes.",
        "",
        "| pictures | AUROC, distance | AUROC, probability | rejected | test photos rejected |",
        "|---|--:|--:|--:|--:|",
        *(f"| {kind} | {' | '.join(map('{:.3f}'.format, row))} |" for kind, row in rows.items()),
    ]
    Path("benchmarks/unfamiliar.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


if __name__ == "__main__":
    errors.run(main)
