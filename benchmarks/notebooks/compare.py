"""The pipeline against the two ways that notebooks are written: `make compare`.

    PYTHONPATH=src python benchmarks/notebooks/compare.py [head | finetune] [repetitions] [photos]

Photos and ImageNet weights are those of ../shared; the photos have up to 224 pixels
on the shorter side, as photos are, since decoding them is part of the work. All three ways take
turns in one run, another one first in each repetition, on the same photos, split, sizes, batches,
epochs and networks. The notebooks augment whenever they train; the pipeline's head trains on
unaugmented photos (`embed.augmented_copies=0`). Another head costs a notebook, whose process is
alive, its epochs alone. Every measurement is a row of benchmarks/notebooks/measured.csv, added as
soon as it is taken, after those of earlier runs; at the end, and without arguments, the ratios are
printed: of whole repetitions, of each work those of the code and machine that it was measured on
last.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from measured import NOTEBOOKS, Table, ratios
from PIL import Image

from animals10.files import outs, read_lock

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHARED = ROOT.parent / "shared"
WEIGHTS = SHARED / "weights/efficientnetb0_imagenet_notop.weights.h5"
SIDE = 224  # pixels, of the photos' shorter sides
Epochs = dict[str, int]
Work = tuple[int, float, Epochs]  # photos, validation fraction, epochs
# The head on all photos. Notebooks run two of its epochs: the others take as long as the second.
HEAD: Work = (24_068, 0.15, {"frozen": 12})
HEAD_EPOCHS_RUN = {"frozen": 2}
# Half of these for validation, so that accuracies can be compared.
FINETUNE: Work = (4_000, 0.5, {"frozen": 6, "finetune": 3})
HEAD_RATE = 0.0003  # in all ways; better than 0.001 for the pipeline's features of photos
STAGES = {"frozen": "train_frozen", "finetune": "finetune"}


def extract(folder: Path, count: int) -> None:
    """Write `count` of the photos below a folder, each class in proportion."""
    with zipfile.ZipFile(SHARED / "data/animals10-224.zip") as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))
        for name in sorted(random.Random(0).sample(names, count)):  # noqa: S311
            target = folder / Path(name).parent.name / f"{Path(name).stem}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as file:
                photo = Image.open(file).convert("RGB")
            larger = [side * SIDE // min(photo.size) for side in photo.size]
            photo.resize(larger, Image.Resampling.BICUBIC).save(target, quality=90)


def clone(folder: Path, photos: Path, fraction: float, epochs: Epochs) -> None:
    """Clone the project, with parameters for these photos and epochs."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    for line in (folder / "docs/study.args").read_text(encoding="utf-8").splitlines():
        key, value = line.removeprefix("-S ").split("=")
        block, name = key.split(".")
        params[block][name] = yaml.safe_load(value)
    params["fetch"]["source"] = str(photos)
    params["backbone"] |= {"weights": str(WEIGHTS), "image_size": None}
    params["split"] |= {"validation": fraction, "test": 0.05}
    params["embed"]["augmented_copies"] = 0
    params["train_frozen"]["lr"] = HEAD_RATE
    params["finetune"]["rounds"] = 1
    for name, number in epochs.items():
        params[STAGES[name]] |= {"epochs": number, "patience": number}
    path.write_text(yaml.safe_dump(params), encoding="utf-8")
    git = ["git", "-c", "user.name=benchmark", "-c", "user.email=b@example.org"]
    subprocess.run([*git, "commit", "--quiet", "--all", "-m", "photos"], cwd=folder, check=True)


def prepare(folder: Path, work: Work) -> Path:
    """Write photos and clone the project for them, if they are not there; return the clone."""
    count, fraction, epochs = work
    project = folder / "project"
    if not project.exists():
        extract(folder / "photos", count)
        clone(project, folder / "photos", fraction, epochs)
        timed(["dvc", "repro", "split"], project)
        lay_out(project, folder)
    return project


def lay_out(project: Path, folder: Path) -> None:
    """Give the notebooks the photos as the pipeline split them: laid/<split>/<class>/<photo>."""
    table = pd.read_csv(project / "data/_stages/split/splits.csv", keep_default_na=False)
    for path, split in zip(table["path"], table["split"], strict=True):
        if split in ("train", "validation"):
            target = folder / "laid" / split / path
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(folder / "photos" / path, target)


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    """Run a command; return its seconds and what it printed last."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": "src"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command}: {done.stdout}{done.stderr}")
    return time.perf_counter() - start, (done.stdout.splitlines() or [""])[-1]


def notebook(way: str, project: Path, epochs: Epochs) -> tuple[float, dict[str, Any]]:
    """Run a notebook on a project's photos; return its seconds, and histories as of `history`."""
    script = f"benchmarks/notebooks/{NOTEBOOKS[way]}"
    arguments = [str(project.parent / "laid"), str(WEIGHTS), json.dumps(epochs)]
    seconds, printed = timed([sys.executable, script, *arguments], project)
    histories = json.loads(printed)
    for found in histories.values():
        del found["seconds"][0]  # in which networks are traced
    return seconds, histories


def pipeline(project: Path, target: str) -> float:
    """Run the pipeline up to a stage, from photos alone; return its seconds."""
    made = ("data", "models", "metrics", "plots", "mlruns", ".dvc/cache", ".dvc/tmp")
    for name in (*made, ".checkpoints"):
        shutil.rmtree(project / name, ignore_errors=True)
    for name in ("dvc.lock", "mlflow.db"):
        (project / name).unlink(missing_ok=True)
    return timed(["dvc", "repro", target], project)[0]


def outputs(project: Path) -> str:
    """Return a hash of all that the pipeline made, as DVC knows it."""
    lock = read_lock((project / "dvc.lock").read_text(encoding="utf-8"))
    made = json.dumps(outs(lock), sort_keys=True)
    return hashlib.sha256(made.encode()).hexdigest()[:12]


def history(project: Path, name: str) -> dict[str, list[float]]:
    """Return a training's history with the seconds of each epoch but the first, from MLflow."""
    from mlflow import MlflowClient

    # A copy, since MLflow keeps what it has opened, and every repetition has a new store.
    store = Path(tempfile.mkdtemp(dir=project.parent)) / "mlflow.db"
    shutil.copy(project / "mlflow.db", store)
    client = MlflowClient(f"sqlite:///{store}")
    places = [place.experiment_id for place in client.search_experiments()]
    condition = f"tags.`mlflow.runName` = '{STAGES[name]}'"
    run = client.search_runs(places, condition)[0].info.run_id
    found = {
        key: sorted(client.get_metric_history(run, key), key=lambda metric: metric.step)
        for key in ("val_loss", "val_accuracy")
    }
    ends = [metric.timestamp / 1000 for metric in found["val_loss"]]
    seconds = [end - start for start, end in zip(ends, ends[1:], strict=False)]
    return {key: [m.value for m in values] for key, values in found.items()} | {"seconds": seconds}


def accuracy(history: dict[str, list[float]]) -> float:
    """Return the validation accuracy of the epoch with the least validation loss."""
    best = history["val_loss"].index(min(history["val_loss"]))
    return round(history["val_accuracy"][best], 4)


def in_turn(ways: list[Callable[[], None]], repetition: int) -> None:
    """Call all, in each repetition another one first."""
    first = repetition % len(ways)
    for way in ways[first:] + ways[:first]:
        way()


def measure_head(folder: Path, photos: int = HEAD[0]) -> None:
    """Measure a head from photos on disk, and another head after it."""
    project, table = prepare(folder, (photos, *HEAD[1:])), Table("head", photos)
    ways = [partial(head_in_pipeline, table, project)]
    ways += [partial(head_in_notebook, table, project, way) for way in NOTEBOOKS]
    in_turn(ways, table.repetition)


def head_in_pipeline(table: Table, project: Path) -> None:
    """Measure the pipeline's head, and then another by `dvc exp run`."""
    seconds = pipeline(project, "train_frozen")
    table.add("head", "pipeline", seconds, outputs=outputs(project))
    change = f"train_frozen.lr={HEAD_RATE * 1.01:g}"
    seconds, _ = timed(["dvc", "exp", "run", "-S", change, "train_frozen"], project)
    table.add("another head", "pipeline", seconds)
    subprocess.run(["git", "checkout", "--quiet", "params.yaml"], cwd=project, check=True)


def head_in_notebook(table: Table, project: Path, way: str) -> None:
    """Measure a notebook's head; another takes the same epochs again."""
    seconds, histories = notebook(way, project, HEAD_EPOCHS_RUN)
    one = statistics.median(histories["frozen"]["seconds"])
    missing = HEAD[-1]["frozen"] - HEAD_EPOCHS_RUN["frozen"]
    table.add("head", way, seconds + missing * one)
    table.add("another head", way, HEAD[-1]["frozen"] * one)


def measure_finetune(folder: Path, photos: int = FINETUNE[0]) -> None:
    """Measure epochs of fine-tuning, and what they and the head before them reach."""
    project = prepare(folder, (photos, *FINETUNE[1:]))
    table = Table("finetune, an epoch", photos)

    def in_pipeline() -> None:
        pipeline(project, "finetune")
        histories = {name: history(project, name) for name in STAGES}
        add_epochs(table, "pipeline", histories, outputs=outputs(project))

    def in_notebook(way: str) -> None:
        add_epochs(table, way, notebook(way, project, FINETUNE[-1])[1])

    in_turn([in_pipeline, *(partial(in_notebook, way) for way in NOTEBOOKS)], table.repetition)


def add_epochs(
    table: Table, way: str, histories: dict[str, dict[str, list[float]]], **more: object
) -> None:
    """Add a row a training for the median of all epochs but the first."""
    for name, found in histories.items():
        seconds = statistics.median(found["seconds"])
        table.add(f"{name}, an epoch", way, seconds, val_accuracy=accuracy(found), **more)


def main() -> None:
    """Measure what the command line says as often as it says, and print the ratios."""
    works = {"head": measure_head, "finetune": measure_finetune}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", nargs="?", choices=works)
    parser.add_argument("repetitions", nargs="?", type=int, default=1)
    parser.add_argument("photos", nargs="*", type=int)
    given = parser.parse_args()
    if given.work and not WEIGHTS.exists():
        sys.exit(
            "there is no folder ../shared: photos and weights for measuring are expected there"
        )
    with tempfile.TemporaryDirectory() as name:
        for _ in range(given.repetitions if given.work else 0):
            works[given.work](Path(name), *given.photos)
    if not Table.path.exists():
        sys.exit("nothing is measured yet; give head or finetune, and a number of repetitions")
    print(ratios().to_markdown())


if __name__ == "__main__":
    main()
