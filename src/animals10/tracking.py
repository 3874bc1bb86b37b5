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
    """
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        mlflow.set_tracking_uri(f"sqlite:///{workspace.root() / 'mlflow.db'}")
    # It would take the place of the run that is to be opened.
    os.environ.pop("MLFLOW_RUN_ID", None)
    experiment_id, tags = _experiment(), _provenance(params)
    with mlflow.start_run(
        run_id=_find_parent(experiment_id, tags),
        run_name=tags["experiment"],
        tags={**tags, "level": "experiment"},
    ):
        mlflow.log_params(_flat(params.model_dump()))
        with mlflow.start_run(run_name=stage, nested=True, tags=tags) as child:
            mlflow.log_params(_flat(getattr(params, stage, params).model_dump()))
            yield child


def log_to_experiment(run: Run, metrics: dict[str, float]) -> None:
    """Log metrics to the experiment's run too, where experiments are compared.

    Args:
        run: a child run.
        metrics: values by name.
    """
    mlflow.log_metrics(metrics, run_id=run.data.tags["mlflow.parentRunId"])


def epoch_logger() -> keras.callbacks.Callback:
    """Return a callback that logs each epoch's metrics to the active run, epochs from 1."""
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: mlflow.log_metrics(logs, step=epoch + 1)
    )


def log_model(model: keras.Model, example: np.ndarray) -> None:
    """Log a model to the active run, with its signature and an input example.

    Args:
        model: of images.
        example: uint8 images, shape (n, size, size, 3).
    """
    # Of MLflow 3.17's two flavours for Keras, `mlflow.keras` fails on any input example.
    mlflow.tensorflow.log_model(
        model,
        name=model.name,
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
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
    # Artifacts stay beside the database; MLflow would put them in the current folder.
    is_local = mlflow.get_tracking_uri().startswith("sqlite:///")
    location = (workspace.root() / "mlruns").as_uri() if is_local else None
    try:
        if mlflow.get_experiment_by_name(name) is None:
            mlflow.create_experiment(name, artifact_location=location)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was faster
            raise
    experiment: Experiment = mlflow.set_experiment(name)
    return experiment.experiment_id


def _find_parent(experiment_id: str, tags: dict[str, str]) -> str | None:
    # By parameters as well, since a run's cannot change and an experiment's name may be reused.
    query = {"level": "experiment"} | {key: tags[key] for key in ("experiment", "parameters")}
    found = mlflow.MlflowClient().search_runs(
        [experiment_id], " and ".join(f"tags.{key} = '{value}'" for key, value in query.items())
    )
    return found[0].info.run_id if found else None


def _provenance(params: Parameters) -> dict[str, str]:
    revision = _revision()
    digest = hashlib.sha256(params.model_dump_json().encode()).hexdigest()
    # A plain `dvc repro` has no experiment's name: code and parameters name it.
    name = os.environ.get("DVC_EXP_NAME") or f"repro-{revision[:7]}-{digest[:7]}"
    data = hashlib.sha256(Path("data/splits.csv").read_bytes()).hexdigest()
    return {"experiment": name, "revision": revision, "data": data, "parameters": digest}


def _revision() -> str:
    git = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return git.stdout.strip() or "unknown"


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
