"""What the stages before the report found, as read from their files."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from animals10 import files
from animals10.evaluation import predictions


class Found(NamedTuple):
    """What other stages left, as read from their files."""

    classes: list[str]
    predictions: pd.DataFrame
    scores: dict[str, Any]
    reports: dict[str, Any]
    counts: dict[str, Any]
    images: pd.DataFrame  # label, split, images
    rejected: pd.DataFrame  # path, reason
    leaks: pd.DataFrame  # path, split, group
    histories: dict[str, pd.DataFrame]
    robustness: pd.DataFrame
    digests: dict[str, str]  # sha256 by file
    sizes: dict[str, int]  # bytes by model
    versions: list[str]


def read(folder: Path = Path()) -> Found:
    """Read what the report is made of, but for photos and models.

    Args:
        folder: of the project.
    """
    stages, models = folder / files.STAGES, folder / "models"
    paths = {name: models / f"{name}.keras" for name in files.NETWORKS}
    splits = stages / "split/splits.csv"
    return Found(
        classes=_json(models / "classes.json"),
        predictions=predictions.read(stages / "evaluate/predictions.csv"),
        scores=_json(folder / "metrics/evaluate.json"),
        reports=_json(folder / "metrics/report.json"),
        counts=_json(folder / "metrics/split.json"),
        images=_text(folder / "plots/images_per_class.csv").astype({"images": int}),
        rejected=_text(stages / "fetch/rejected.csv"),
        leaks=_text(stages / "split/duplicates.csv"),
        histories={
            name: pd.read_csv(folder / f"plots/history/{name}.csv") for name in files.NETWORKS
        },
        robustness=pd.read_csv(folder / "plots/robustness.csv"),
        digests={path.name: files.sha256(path) for path in (*paths.values(), splits)},
        sizes={name: path.stat().st_size for name, path in paths.items()},
        versions=(folder / "versions.txt").read_text(encoding="utf-8").split(),
    )


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _text(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype="str", keep_default_na=False)
