"""The final record of a stage, from the files that it left: the same live and afterwards."""

import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import LoggedModel, LoggedModelOutput, Metric, Run
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from animals10.errors import quiet_import
from animals10.files import MODELS
from animals10.tracking import provenance
from animals10.tracking.store import flat

if TYPE_CHECKING:
    from animals10.tracking.record import Record

# The main file of each stage, by which `why` finds the run.
OUTPUTS = {
    **{stage: f"models/{model}.keras" for stage, model in MODELS.items()},
    "evaluate": "metrics/evaluate.json",
    "report": "data/_stages/report/report.html",
}
_SCORES = [f"metrics/{name}.json" for name in ("accuracy", "baselines", "evaluate", "report")]
_PLOTS = [
    "plots/samples.png",
    *(f"plots/confusion/{model}{kind}.csv" for model in MODELS.values() for kind in ("", "_pairs")),
    *(f"plots/history/{model}.csv" for model in MODELS.values()),
    *(f"plots/{name}.csv" for name in ("calibration", "precision_recall", "threshold")),
]
_REPORT = [OUTPUTS["report"], "data/_stages/report/report.md", "plots/robustness.csv"]
# All that a record is made of.
FILES = {
    "params.yaml", "metrics/split.json", "models/classes.json",
    *OUTPUTS.values(), *_SCORES, *_PLOTS, *_REPORT,
}  # fmt: skip
# What travels with a model.
_ORIGIN = (*provenance.IDENTITY, "experiment", "revision", "machine", "versions")


def write(record: "Record") -> None:
    """Log what a finished stage left in the record's folder."""
    if record.stage == "evaluate":
        _write_evaluation(record)
    elif record.stage == "report":
        record.log_files(record.parent_id, _REPORT)
    else:
        _write_training(record)
    _score_models(record)


def _write_training(record: "Record") -> None:
    name, client = MODELS[record.stage], record.store.client
    path = f"plots/history/{name}.csv"
    history = pd.read_csv(record.folder / path)
    shown = {point.step for point in client.get_metric_history(record.run_id, "val_loss")}
    epochs = [{str(key): float(row[key]) for key in row} for row in history.to_dict("records")]
    for row in epochs:
        if row["epoch"] not in shown:
            values = {key: row[key] for key in row if key != "epoch"}
            record.log_metrics(record.run_id, values, int(row["epoch"]))
    record.log_files(record.run_id, [path])
    best = min(epochs, key=lambda row: row["val_loss"])  # the one whose weights are kept
    _log_model(record, name, {f"best_{key}": best[key] for key in best if key != "lr"})


def _log_model(record: "Record", name: str, figures: dict[str, float]) -> None:
    """Log a model below its run and its experiment's, which its name and parameters distinguish."""
    client = record.store.client
    run = client.get_run(record.run_id)
    experiment = run.data.tags["experiment"]
    # The run's from the first, so that it is deleted with it.
    logged = client.create_logged_model(
        run.info.experiment_id,
        f"{experiment}-{name}",
        record.run_id,
        tags={key: run.data.tags[key] for key in ("mlflow.source.name", "mlflow.source.type")},
        params={**run.data.params, "model": name, "experiment": experiment},
    )
    for run_id in (record.run_id, record.parent_id):
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    record.log_metrics(record.run_id, figures, model=logged.model_id)
    classes = record.folder / "models/classes.json"
    with tempfile.TemporaryDirectory() as temporary:
        saved = Path(temporary) / "model"
        _save(record.folder / "models" / f"{name}.keras", saved, logged, run, _read(classes))
        client.log_model_artifacts(logged.model_id, str(saved))
    client.log_model_artifact(logged.model_id, str(classes))
    client.finalize_logged_model(logged.model_id, "READY")


def _save(path: Path, out: Path, logged: LoggedModel, run: Run, classes: list[str]) -> None:
    with quiet_import():
        import keras  # it loads TensorFlow, which takes seconds

    model = keras.saving.load_model(path, safe_mode=True)
    # Of outputs alone: one of inputs would allow one type of numbers and refuse the other.
    outputs = TensorSpec(np.dtype(np.float32), (-1, *model.output_shape[1:]))
    origin = {k: v for k, v in run.data.tags.items() if k in _ORIGIN or k.startswith("preset")}
    about = origin | {
        "classes": classes,
        "input": f"RGB, 0..255, uint8 or float32, of shape {(-1, *model.input_shape[1:])}",
        "parameters": model.count_params(),
    }
    # Not `log_model`, which needs an active run and a tracking URI of the whole process.
    logging.getLogger("mlflow.tensorflow").setLevel(logging.ERROR)  # it asks for inputs
    mlflow.tensorflow.save_model(
        model,
        str(out),
        mlflow_model=Model(
            run_id=run.info.run_id,
            model_id=logged.model_id,
            signature=ModelSignature(outputs=Schema([outputs])),
        ),
        metadata=about,
        # Given, since MLflow finds them otherwise by loading the model in a new process.
        pip_requirements=mlflow.tensorflow.get_default_pip_requirements(),
    )


def _write_evaluation(record: "Record") -> None:
    """Log the scores, to the experiment's run as well, where they are compared, and all plots."""
    from animals10.evaluation import pictures  # Matplotlib takes a second to import

    scores = flat(_read(record.folder / "metrics/evaluate.json"))
    for run_id in (record.run_id, record.parent_id):
        record.log_metrics(run_id, scores)
    record.log_files(record.run_id, _SCORES)
    record.log_files(record.parent_id, _PLOTS)
    classes = _read(record.folder / "models/classes.json")
    for model in MODELS.values():
        path = f"plots/confusion/{model}.csv"
        table = pd.read_csv(record.folder / path, keep_default_na=False, dtype=str)
        figure = pictures.confusion_figure(table, classes, f"{model}, on test")
        record.store.client.log_figure(record.parent_id, figure, f"plots/confusion/{model}.png")


def _score_models(record: "Record") -> None:
    """Give the experiment's models the metrics of its evaluation, whichever is recorded first."""
    client = record.store.client
    for run in record.store.find_stages(record.parent_id, "evaluate"):
        for model in record.store.find_models(record.parent_id):
            keys = {key for key in run.data.metrics if key.startswith(f"{model.params['model']}/")}
            for key in keys - {metric.key for metric in model.metrics or []}:
                # The very same point, so that the run has it once.
                point = client.get_metric_history(run.info.run_id, key)[0]
                metric = Metric(key, point.value, point.timestamp, point.step, model.model_id)
                client.log_batch(run.info.run_id, metrics=[metric])


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
