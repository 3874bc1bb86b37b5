"""Models in the MLflow store: to be found, told apart, and loaded by `mlflow.pyfunc`."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import mlflow
import numpy as np
from mlflow.entities import LoggedModel, LoggedModelOutput
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from animals10.tracking import provenance

if TYPE_CHECKING:
    from animals10.tracking.record import Record

# What travels with a model.
_ORIGIN = (*provenance.PLAN, "experiment", "revision", "machine", "versions")


def log(record: "Record", name: str, metrics: dict[str, float], folder: Path) -> LoggedModel:
    """Log a stage's model below its run and its experiment's.

    Args:
        record: open, of the stage.
        name: cnn, frozen or finetuned.
        metrics: of the model, which the run gets as well.
        folder: where `models`, params.yaml and metrics/split.json are.

    Returns:
        The logged model.
    """
    logged = _begin(record, name)
    record.log_metrics(metrics, model=logged.model_id)
    with tempfile.TemporaryDirectory() as temporary:
        saved = Path(temporary) / "model"
        _save(record, name, logged, folder, saved)
        shutil.copyfile(folder / "models/classes.json", saved / "classes.json")
        record.client.log_model_artifacts(logged.model_id, str(saved))
    return record.client.finalize_logged_model(logged.model_id, "READY")


def _begin(record: "Record", name: str) -> LoggedModel:
    """Make a logged model that is the run's from the first, so that it is deleted with it."""
    run = record.client.get_run(record.run_id)
    experiment = run.data.tags["experiment"]
    logged = record.client.create_logged_model(
        run.info.experiment_id,
        f"{experiment}-{name}",
        record.run_id,
        tags={key: run.data.tags[key] for key in ("mlflow.source.name", "mlflow.source.type")},
        params={**run.data.params, "model": name, "experiment": experiment},
    )
    for run_id in (record.run_id, record.parent_id):
        record.client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return logged


def _save(record: "Record", name: str, logged: LoggedModel, folder: Path, target: Path) -> None:
    # Not `log_model`, which then loads it again and asks it the example: 5 s for EfficientNetB0,
    # and MLflow 3.17's TensorFlow flavor refuses the argument that would keep it from that.
    model = keras.saving.load_model(folder / "models" / f"{name}.keras", safe_mode=True)
    tags = record.client.get_run(record.run_id).data.tags
    about: dict[str, Any] = {
        **{key: tags[key] for key in _ORIGIN if key in tags},
        **provenance.contents(folder),
        "input": f"RGB, 0..255, uint8 or float32, of shape {(-1, *model.input_shape[1:])}",
    }
    outputs = _schema(np.float32, model.output_shape)
    # Of MLflow 3.17's two flavours for Keras, `mlflow.keras` fails on any input example.
    mlflow.tensorflow.save_model(
        model,
        str(target),
        mlflow_model=Model(
            logged.artifact_location,
            record.run_id,
            model_uuid=logged.model_id,
            model_id=logged.model_id,
        ),
        signature=ModelSignature(_schema(np.uint8, model.input_shape), outputs),
        input_example=np.zeros((1, *model.input_shape[1:]), np.uint8),
        metadata=about,
        # Given, since MLflow finds them otherwise by loading the model in a new process.
        pip_requirements=mlflow.tensorflow.get_default_pip_requirements(),
    )
    # One of inputs, which saving asks for, would allow one type of numbers and refuse the other.
    written = Model.load(str(target))
    written.signature = ModelSignature(outputs=outputs)
    written.save(str(target / "MLmodel"))


def _schema(dtype: type[np.generic], shape: tuple[int | None, ...]) -> Schema:
    return Schema([TensorSpec(np.dtype(dtype), (-1, *shape[1:]))])
