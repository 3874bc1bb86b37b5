"""MLflow: one parent run per experiment, with a child run per training and for the evaluation.

Nothing here can cost a run: what MLflow refuses is printed once, and `make sync` (`syncing.py`)
completes the record from the files that the pipeline leaves.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import keras
import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import LoggedModel, LoggedModelOutput, Metric, Param
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from animals10 import provenance, store
from animals10.errors import UserError

MODELS = {"train_cnn": "cnn", "train_frozen": "frozen", "finetune": "finetuned"}
STAGES = (*MODELS, "evaluate")
_TRAVELLING = ("experiment", "revision", "code", "data", "parameters", "machine", "versions")


class Record:
    """The run of one stage; once a call of MLflow fails, no further one is tried.

    Attributes:
        client: of the store, once the record is open.
        run_id: of the stage's run.
        parent_id: of its experiment's.
    """

    client: mlflow.MlflowClient

    def __init__(self) -> None:
        self.run_id = self.parent_id = ""
        self._failed = False

    def attempt(self, action: Callable[[], object]) -> None:
        """Call MLflow; at the first failure say so, and go on without it.

        The random generators are as before, however often MLflow tried: Keras draws from them.
        """
        if self._failed:
            return
        states = random.getstate(), np.random.get_state()
        try:
            action()
        except Exception as error:  # MLflow's, SQLAlchemy's, the network's
            self._failed = True
            print(
                f"MLflow does not answer ({store.reason(error)}); the run goes on "
                "without it, and `make sync` completes its record",
                flush=True,
            )
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])

    def open(self, stage: str, tags: dict[str, str], folder: Path = Path()) -> None:
        """Begin the stage's run below its experiment's, which is made when it is the first.

        An unfinished run of the same stage, as a kill leaves it, is deleted.

        Args:
            stage: its name in dvc.yaml.
            tags: of `provenance.identity`, and `experiment`, the name.
            folder: where params.yaml is.
        """
        self.client, place = store.connect()
        parent = store.find_parent(self.client, place, tags) or self.client.create_run(
            place, run_name=tags["experiment"], tags={**tags, "level": "experiment"}
        )
        values = provenance.read_parameters(folder)
        self.parent_id = parent.info.run_id
        for run in store.find_stages(self.client, place, self.parent_id, stage):
            if "complete" not in run.data.tags and not store.is_alive(run):
                store.delete(self.client, run)
        about = {"level": "stage", store.PARENT: self.parent_id, "process": store.process()}
        child = self.client.create_run(place, run_name=stage, tags={**tags, **about})
        self.run_id = child.info.run_id
        for run_id, chosen in ((self.parent_id, values), (self.run_id, values.get(stage, values))):
            params = [Param(key, str(value)) for key, value in store.flat(chosen, ".").items()]
            self.client.log_batch(run_id, params=params)

    def log_metrics(
        self,
        values: dict[str, float],
        step: int = 0,
        parent: bool = False,
        model: str | None = None,
    ) -> None:
        """Log metrics to the stage's run or to its experiment's, and to a logged model."""
        now = int(1000 * time.time())
        metrics = [
            Metric(key, float(value), now, step, model_id=model) for key, value in values.items()
        ]
        self.client.log_batch(self.parent_id if parent else self.run_id, metrics=metrics)

    def log_files(self, names: Iterable[str], folder: Path = Path()) -> None:
        """Log files under their own folders."""
        for name in names:
            self.client.log_artifact(self.run_id, str(folder / name), str(Path(name).parent))

    def complete(self, output: Path) -> None:
        """Note that the record is complete; it replaces an earlier one of the same result.

        Args:
            output: the stage's main file, by which `why` finds the run.
        """
        digest = provenance.md5(output.read_bytes())
        run = self.client.get_run(self.run_id)
        name, place = run.data.tags["mlflow.runName"], run.info.experiment_id
        for other in store.find_stages(self.client, place, self.parent_id, name):
            if other.data.tags.get("output") == digest:
                store.delete(self.client, other)
        self.client.set_tag(self.run_id, "output", digest)
        self.client.set_tag(self.run_id, "complete", "yes")

    def close(self, status: str) -> None:
        """End the stage's run and its experiment's."""
        for run in (self.run_id, self.parent_id):
            self.client.set_terminated(run, status)


@contextmanager
def stage_run(stage: str) -> Iterator[Record]:
    """Record a stage while it runs.

    The store is MLFLOW_TRACKING_URI, or mlflow.db in the user's project, also from a temporary
    copy of it.

    Args:
        stage: its name in dvc.yaml.

    Yields:
        The record, to log results to by its `attempt`.
    """
    record = Record()
    record.attempt(lambda: record.open(stage, _tags()))
    try:
        yield record
    except BaseException as error:
        status = "KILLED" if isinstance(error, SystemExit) else "FAILED"
        # Who stops a run does not wait for a server that does not answer.
        ending = Thread(target=record.attempt, args=[lambda: record.close(status)], daemon=True)
        ending.start()
        ending.join(timeout=2)
        raise
    record.attempt(lambda: record.close("FINISHED"))


def _tags() -> dict[str, str]:
    identity = provenance.identity(provenance.planned())
    return {
        **identity,
        "experiment": provenance.experiment(identity),
        "revision": provenance.revision(),
        **provenance.surroundings(),
    }


def epoch_logger(record: Record) -> keras.callbacks.Callback:
    """Return a callback that records each epoch's metrics."""
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: record.attempt(lambda: record.log_metrics(logs, epoch + 1))
    )


def log_training(record: Record, stage: str, folder: Path = Path(), curves: bool = False) -> None:
    """Log what a training left in its files: metrics, history, and the model.

    Args:
        record: of the stage.
        stage: a key of `MODELS`.
        folder: where `metrics`, `plots` and `models` are.
        curves: also each epoch's metrics, which nothing logged as they came.
    """
    name = MODELS[stage]
    files = [f"plots/history/{name}.csv", f"metrics/{stage}.json"]
    history = pd.read_csv(folder / files[0])
    for row in history.to_dict("records") if curves else ():
        record.log_metrics(
            {str(key): value for key, value in row.items() if key != "epoch"}, int(row["epoch"])
        )
    best = history.iloc[int(history["val_loss"].to_numpy().argmin())].drop("lr").to_dict()
    logged = _begin_model(record, name)
    metrics = {f"best_{key}": value for key, value in best.items()}
    record.log_metrics(metrics, model=logged.model_id)
    _log_model(record, logged, folder)
    record.log_files(files, folder)
    record.complete(folder / "models" / f"{name}.keras")


def log_benchmark(name: str, results: dict[Any, Any], files: Iterable[Path]) -> None:
    """Log a benchmark as a run of its own.

    Args:
        name: of the run.
        results: metrics, or dictionaries of them.
        files: of the benchmark.

    Raises:
        UserError: the store cannot be used.
    """
    try:
        _, place = store.connect()
        with mlflow.start_run(experiment_id=place, run_name=name, tags={"level": "benchmark"}):
            mlflow.log_metrics(store.flat(results))
            for path in files:
                mlflow.log_artifact(str(path))
    except mlflow.MlflowException as error:
        raise UserError(
            f"the benchmark is written, but MLflow does not take it: "
            f"{' '.join(str(error).split())[:300]}"
        ) from None


def _begin_model(record: Record, name: str) -> LoggedModel:
    """Make a logged model that is the run's from the first, so that it is deleted with it."""
    run = record.client.get_run(record.run_id)
    logged = record.client.create_logged_model(
        run.info.experiment_id, name, record.run_id, params=run.data.params
    )
    record.client.log_outputs(record.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return logged


def _log_model(record: Record, logged: LoggedModel, folder: Path) -> None:
    # Not `log_model`, which then loads it again and asks it the example: 5 s for EfficientNetB0,
    # and MLflow 3.17's TensorFlow flavor refuses the argument that would keep it from that.
    model = keras.saving.load_model(folder / "models" / f"{logged.name}.keras", safe_mode=True)
    number, tags = logged.model_id, record.client.get_run(record.run_id).data.tags
    with tempfile.TemporaryDirectory() as temporary:
        saved = str(Path(temporary) / "model")
        # Of MLflow 3.17's two flavours for Keras, `mlflow.keras` fails on any input example.
        mlflow.tensorflow.save_model(
            model,
            saved,
            mlflow_model=Model(
                logged.artifact_location, record.run_id, model_uuid=number, model_id=number
            ),
            signature=ModelSignature(
                Schema([TensorSpec(np.dtype(np.uint8), (-1, *model.input_shape[1:]))]),
                Schema([TensorSpec(np.dtype(np.float32), (-1, *model.output_shape[1:]))]),
            ),
            input_example=np.zeros((1, *model.input_shape[1:]), np.uint8),
            # Where the model comes from travels with it.
            metadata={key: tags[key] for key in _TRAVELLING if key in tags}
            | provenance.contents(folder),
            # Given, since MLflow finds them otherwise by loading the model in a new process.
            pip_requirements=mlflow.tensorflow.get_default_pip_requirements(),
        )
        record.client.log_model_artifacts(number, saved)
    record.client.finalize_logged_model(number, "READY")
