"""The final record of a stage, from the files that it left: the same live and afterwards."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.entities import Metric

from animals10.outcome import MODELS
from animals10.tracking.store import find_models, find_stages, flat

if TYPE_CHECKING:
    from animals10.tracking.record import Record

# The main file of each stage, by which `why` finds the run.
OUTPUTS = {
    **{stage: f"models/{model}.keras" for stage, model in MODELS.items()},
    "evaluate": "metrics/evaluate.json",
}
_EVALUATION = ["metrics/evaluate.json", "metrics/report.json"]
_PLOTS = [
    "plots/samples.png",
    *(f"plots/confusion/{model}.csv" for model in MODELS.values()),
    *(f"plots/history/{model}.csv" for model in MODELS.values()),
]
# All that `write` reads.
FILES = [
    "models/classes.json",
    *OUTPUTS.values(),
    "metrics/report.json",
    *(f"metrics/{stage}.json" for stage in MODELS),
    *_PLOTS,
]


def write(record: "Record", folder: Path) -> None:
    """Log what a finished stage left.

    Args:
        record: open, of the stage.
        folder: where `metrics`, `plots` and `models` are.
    """
    if record.stage in MODELS:
        _write_training(record, folder)
    else:
        _write_evaluation(record, folder)


def _write_training(record: "Record", folder: Path) -> None:
    from animals10.tracking import logged_models  # it loads TensorFlow, which takes seconds

    name = MODELS[record.stage]
    files = [f"plots/history/{name}.csv", f"metrics/{record.stage}.json"]
    shown = {point.step for point in record.client.get_metric_history(record.run_id, "val_loss")}
    for row in pd.read_csv(folder / files[0]).to_dict("records"):
        epoch = int(row.pop("epoch"))
        if epoch not in shown:
            record.log_metrics({str(key): value for key, value in row.items()}, epoch)
    figures = {f"best_{key}": value for key, value in flat(_read(folder / files[1])).items()}
    logged = logged_models.log(record, name, figures, folder)
    _judge(record, name, logged.model_id)
    record.log_files(files, folder)


def _judge(record: "Record", name: str, model: str) -> None:
    """Give a model the metrics of the evaluation, where that was recorded before it."""
    place = record.parent.info.experiment_id
    for run in find_stages(record.client, place, record.parent_id, "evaluate"):
        for key in _of_model(name, run.data.metrics):
            # The very same point, so that the run has it once.
            known = record.client.get_metric_history(run.info.run_id, key)[0]
            point = Metric(key, known.value, known.timestamp, known.step, model_id=model)
            record.client.log_batch(run.info.run_id, metrics=[point])


def _write_evaluation(record: "Record", folder: Path) -> None:
    """Log the scores, to the experiment's run and the logged models as well, and all plots."""
    scores = flat(_read(folder / "metrics/evaluate.json"))
    record.log_metrics(scores, parent=True)  # where experiments are compared
    logged = find_models(record.client, record.client.get_run(record.parent_id))
    numbers = {model.params["model"]: model.model_id for model in logged}
    for name in MODELS.values():
        record.log_metrics(_of_model(name, scores), model=numbers.get(name))
    record.log_files(_EVALUATION, folder)
    record.log_files(_PLOTS, folder, parent=True)
    _draw_confusions(record, folder)


def _of_model(name: str, scores: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in scores.items() if key.startswith(f"{name}/")}


def _draw_confusions(record: "Record", folder: Path) -> None:
    from animals10 import evaluation, plots  # Keras and Matplotlib take seconds

    classes = _read(folder / "models/classes.json")
    for model in MODELS.values():
        table = pd.read_csv(
            folder / f"plots/confusion/{model}.csv", keep_default_na=False, dtype=str
        )
        figure = plots.confusion_figure(table, classes, f"{model}, on test")
        record.client.log_figure(record.parent_id, figure, f"plots/confusion/{model}.png")
        # From the table, since earlier commits, which `make sync` records, have no file of it.
        pairs = evaluation.confused_pairs(table).to_csv(index=False, float_format="%.6g")
        record.client.log_text(record.parent_id, pairs, f"plots/confusion/{model}_pairs.csv")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
