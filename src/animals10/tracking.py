"""MLflow: one parent run per experiment, with a child run per training and for the evaluation."""

import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
from mlflow.entities import Experiment, Run
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature

from animals10 import workspace
from animals10.errors import UserError
from animals10.parameters import Parameters

_EXPERIMENT = "animals10"


@contextmanager
def stage_run(stage: str, params: Parameters) -> Iterator[Run]:
    """Open the MLflow run of a stage below the run of its experiment, for mlflow's own log calls.

    The store is MLFLOW_TRACKING_URI, or mlflow.db in the user's project, also from a temporary
    copy of it.

    Args:
        stage: name of the run and of the block of parameters it logs.
        params: all parameters.

    Yields:
        The child run, active.

    Raises:
        UserError: the store cannot be used.
    """
    # It would take the place of the run that is to be opened.
    os.environ.pop("MLFLOW_RUN_ID", None)
    experiment_id, tags = _experiment(), _provenance(params)
    with mlflow.start_run(
        run_id=_find_parent(experiment_id, tags),
        run_name=tags["experiment"],
        tags={**tags, "level": "experiment"},
    ):
        mlflow.log_params(flat(params.model_dump(), "."))
        with mlflow.start_run(run_name=stage, nested=True, tags=tags) as child:
            mlflow.log_params(flat(getattr(params, stage, params).model_dump(), "."))
            yield child


def log_to_experiment(run: Run, metrics: dict[str, float]) -> None:
    """Log metrics to a run and to its experiment's, where experiments are compared.

    Args:
        run: the active run.
        metrics: values by name.
    """
    mlflow.log_metrics(metrics)
    mlflow.log_metrics(metrics, run_id=run.data.tags["mlflow.parentRunId"])


def log_benchmark(name: str, results: dict[Any, Any], files: Iterable[Path]) -> None:
    """Log a benchmark as a run of its own.

    Args:
        name: of the run.
        results: metrics, or dictionaries of them.
        files: of the benchmark.
    """
    with mlflow.start_run(experiment_id=_experiment(), run_name=name, tags={"level": "benchmark"}):
        mlflow.log_metrics(flat(results))
        for path in files:
            mlflow.log_artifact(str(path))


def epoch_logger() -> keras.callbacks.Callback:
    """Return a callback that logs each epoch's metrics to the active run, epochs from 1."""
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: mlflow.log_metrics(logs, step=epoch + 1)
    )


def flat(values: dict[str, Any], separator: str = "/") -> dict[str, Any]:
    """Flatten nested dictionaries, joining the keys, as MLflow takes parameters and metrics.

    Args:
        values: dictionaries of dictionaries of values.
        separator: between the keys.

    Returns:
        A dictionary of values.
    """
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            inner = flat(value, separator)
            result |= {f"{key}{separator}{name}": item for name, item in inner.items()}
        else:
            result[key] = value
    return result


def log_model(name: str, model: keras.Model, example: np.ndarray) -> None:
    """Log a model to the active run, with its signature and an input example.

    Args:
        name: of the model in the record.
        model: of images.
        example: uint8 images, shape (n, size, size, 3).
    """
    # Of MLflow 3.17's two flavours for Keras, `mlflow.keras` fails on any input example.
    mlflow.tensorflow.log_model(
        model,
        name=name,
        signature=infer_signature(example, model.predict(example, verbose=0)),
        input_example=example,
        # Given, since MLflow finds them otherwise by loading the model in a new process.
        pip_requirements=mlflow.tensorflow.get_default_pip_requirements(),
    )


def log_files(paths: Iterable[Path]) -> None:
    """Log files to the active run under their own folders."""
    for path in paths:
        mlflow.log_artifact(str(path), str(path.parent))


def _experiment() -> str:
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
    # Beside the default store; MLflow would put artifacts into the current folder, maybe a copy.
    location = None if uri else (workspace.root() / "mlruns").as_uri()
    mlflow.set_tracking_uri(uri or f"sqlite:///{workspace.root() / 'mlflow.db'}")
    try:
        if mlflow.get_experiment_by_name(name) is None:
            mlflow.create_experiment(name, artifact_location=location)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was faster
            raise UserError(
                f"MLFLOW_TRACKING_URI = {uri!r} cannot be used: "
                f"{' '.join(str(error).split())[:300]}; start that server, or unset the variable"
            ) from None
    experiment: Experiment = mlflow.set_experiment(name)
    return experiment.experiment_id


def _find_parent(experiment_id: str, tags: dict[str, str]) -> str | None:
    # By parameters and data as well: an experiment's name may be used again with others.
    keys = ("experiment", "parameters", "data")
    query = {"level": "experiment"} | {key: tags[key] for key in keys}
    found = mlflow.MlflowClient().search_runs(
        [experiment_id], " and ".join(f"tags.{key} = '{value}'" for key, value in query.items())
    )
    return found[0].info.run_id if found else None


def _provenance(params: Parameters) -> dict[str, str]:
    changes = _git("diff", "HEAD", "--", "src", "stages", "dvc.yaml")
    revision = (_git("rev-parse", "HEAD").strip() or "unknown") + ("-dirty" if changes else "")
    digest = _sha256(params.model_dump_json())
    # A plain `dvc repro` has no experiment's name: code and parameters name it.
    name = os.environ.get("DVC_EXP_NAME") or f"repro-{revision[:7]}-{_sha256(changes + digest)[:7]}"
    data = _sha256(Path("data/splits.csv").read_text(encoding="utf-8"))
    return {"experiment": name, "revision": revision, "data": data, "parameters": digest}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
