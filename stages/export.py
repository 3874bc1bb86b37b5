"""Export the models to ONNX, checked against Keras: PYTHONPATH=src python stages/export.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import json
from pathlib import Path

import pandas as pd

from animals10 import files, parameters
from animals10.deployment import card, exporting
from animals10.tracking import provenance
from animals10.training.batches import load_split

SPLITS = Path("data/_stages/split")


def main() -> None:
    """Write the exported models, their reference outputs and cards, and metrics/export.json."""
    params = parameters.load()
    classes = json.loads(Path("models/classes.json").read_text(encoding="utf-8"))
    photos = pd.read_csv("data/_stages/split/splits.csv", dtype=str, keep_default_na=False)
    scores = files.read_metrics("evaluate")
    plan, figures = provenance.planned(), {}
    for folder in ("int8", "litert"):  # empty unless wanted
        (exporting.MODELS / folder).mkdir(parents=True, exist_ok=True)
    for stage, name in files.MODELS.items():
        print(f"export {name}", flush=True)
        identity = provenance.identity(provenance.upstream(plan, stage))
        images = SPLITS / files.NETWORKS[name]
        splits = {split: load_split(images / split) for split in ("train", "validation", "test")}
        about = exporting.describe(name, splits, classes, identity)
        figures[name] = exporting.export(name, splits, about, params.export)
        text = card.render(
            about,
            figures[name],
            scores[name],
            photos,
            params.fetch.source,
            params.backbone,
            provenance.preset(),
        )
        files.write_bytes(Path(f"models/{name}.md"), text.encode())
    files.write_json(Path("metrics/export.json"), figures)


if __name__ == "__main__":
    errors.run(main)
