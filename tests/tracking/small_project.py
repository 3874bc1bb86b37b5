"""A project of one training, the current folder, and what tests do in it."""

import contextlib
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from animals10 import files
from animals10.models import networks
from animals10.parameters import Parameters
from animals10.tracking import provenance, results, store
from animals10.tracking.record import stage_run
from animals10.training.fitting import compile_model

HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy,lr\n1,2,0.1,2,0.3,4e-07\n2,1,0.2,3,0.2,1e-07\n"
INFO = ("run_id", "experiment_id", "status", "start_time", "end_time")


@cache
def empty_store(base: Path) -> Path:
    """Make a store once, which takes a second, for projects to begin with a copy."""
    folder = base / "store"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        store.connect()
    return folder / "mlflow.db"


def make(
    factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
) -> Path:
    """Make a project whose split has run, with the code of one file and a CNN of 16 pixels."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    folder = factory.mktemp("small") / "project"
    folder.mkdir()
    shutil.copy(empty_store(factory.getbasetemp()), folder)
    monkeypatch.chdir(folder)
    write("data/_stages/split/splits.csv", "path,label,split,sha256,group\n")
    write("metrics/split.json", '{"train": 7}')
    write("models/classes.json", '["cat", "dog"]')
    write("plots/history/cnn.csv", HISTORY)
    write("src/code.py", "pass\n")
    write("params.yaml", yaml.safe_dump(values))
    train = {"desc": "train it", "deps": [provenance.SPLITS, "src/code.py"], "params": ["seed"]}
    evaluate = {"deps": ["models/cnn.keras"]}
    stages = {"split": {}, "train_cnn": train, "evaluate": evaluate}
    write("dvc.yaml", yaml.safe_dump({"stages": stages}))
    lock(provenance.SPLITS)
    settings = Parameters.model_validate(values).train_cnn.model_copy(
        update={"filters": [4], "convolutions": [1], "pool_sizes": [2]}
    )
    model = networks.cnn(16, 2, settings)
    compile_model(model, settings, 1)
    model.save("models/cnn.keras")
    return folder


def write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def lock(*outs: str) -> None:
    """Write what DVC does after a stage has run."""
    made = [{"path": path, "md5": files.md5(Path(path).read_bytes())} for path in outs]
    write("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": {"split": {"outs": made}}}))


def train(model: bytes | None = None) -> None:
    """Run a training that leaves the files that are there, or another model."""
    with stage_run("train_cnn"):
        if model:
            Path("models/cnn.keras").write_bytes(model)


def runs() -> pd.DataFrame:
    client, experiment_id = store.connect()
    return pd.DataFrame(
        {
            **{f"tags.{key}": value for key, value in run.data.tags.items()},
            **{f"params.{key}": value for key, value in run.data.params.items()},
            **{f"metrics.{key}": value for key, value in run.data.metrics.items()},
            **{key: value for key, value in dict(run.info).items() if key in INFO},
        }
        for run in client.search_runs([experiment_id])
    )


@contextlib.contextmanager
def without_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the final record of a stage be empty, for tests of runs alone."""
    with monkeypatch.context() as patch:
        patch.setattr(results, "write", lambda _: None)
        yield


def parents() -> pd.DataFrame:
    return runs().query("`tags.level` == 'experiment'")


def stages() -> pd.DataFrame:
    return runs().query("`tags.level` == 'stage'")
