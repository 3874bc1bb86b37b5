"""MLflow: one parent run per experiment, with a child run per training and for the evaluation.

Nothing here can cost a run: what MLflow refuses is printed once, and `make sync` (`sync.py`)
completes the record from the files that the pipeline leaves.
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from animals10 import errors, pipeline
from animals10.artifacts import rounded
from animals10.errors import UserError, kept_traceback, without_secrets
from animals10.tracking import provenance, results, store

if TYPE_CHECKING:
    import keras

# What MLflow, its database and its server raise; all else is a defect of this program.
OUTSIDE = (
    mlflow.MlflowException, RequestException, SQLAlchemyError, json.JSONDecodeError,
    ConnectionError, PermissionError, TimeoutError,
)  # fmt: skip
_AFTERWARDS = "recorded afterwards from the files that the stage left: its times are of the record"


class Record:
    """The run of one stage; once a call of MLflow fails, no further one is tried.

    Attributes:
        stage: its name in dvc.yaml.
        client: of the store, once the record is open.
        run_id: of the stage's run.
        parent: the experiment's, as it was when the record was opened.
        live: the stage runs now; otherwise it is recorded from its files alone.
    """

    client: mlflow.MlflowClient
    parent: Run

    def __init__(self, stage: str, live: bool = True) -> None:
        self.stage = stage
        self.live = live
        self.run_id = self._evaluated = ""
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
        except Exception as error:
            self._failed = True
            print(f"{told(error)}; the run goes on without it: see `make sync`", flush=True)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])

    def open(self, tags: dict[str, str], evaluated: str, folder: Path = Path()) -> None:
        """Begin the stage's run below its experiment's, which is made when it is the first.

        An unfinished run of the same stage, as a kill leaves it, is deleted.

        Args:
            tags: of `provenance.identity`, `experiment`, the name, and `revision`.
            evaluated: as `provenance.evaluated` gives it; "" where that is not known yet.
            folder: where params.yaml, dvc.yaml and metrics/split.json are.
        """
        self.client, place = store.connect()
        self._evaluated = evaluated
        found = store.find_parents(self.client, place, tags, (*provenance.PLAN, "experiment"))
        self.parent = _choose(found, evaluated) or self._create(tags, folder)
        for run in store.find_stages(self.client, place, self.parent_id, self.stage):
            if "complete" not in run.data.tags and not store.is_alive(run):
                store.delete(self.client, run)
        self.run_id = self._create(tags, folder, self.parent_id).info.run_id
        if self.live and not self.finished:
            self.client.update_run(self.parent_id, status="RUNNING")

    @property
    def parent_id(self) -> str:
        """The id of the experiment's run."""
        return str(self.parent.info.run_id)

    @property
    def finished(self) -> bool:
        """Whether the experiment's record was complete already, so that nothing in it changes."""
        return store.EVALUATED in self.parent.data.tags

    def _create(self, tags: dict[str, str], folder: Path, parent: str = "") -> Run:
        values = pipeline.read_yaml(folder / "params.yaml")
        about = _about(self.stage if parent else "", tags, folder, self.live)
        if parent:
            values = values.get(self.stage, values)
            about |= {"level": "stage", store.PARENT: parent, "process": store.process()}
        _, place = store.connect()
        run = self.client.create_run(
            place,
            run_name=self.stage if parent else tags["experiment"],
            tags={"level": "experiment", **tags, **about},
        )
        params = [
            Param(key, without_secrets(str(value)))
            for key, value in store.flat(values, ".").items()
        ]
        self.client.log_batch(run.info.run_id, params=params)
        self.client.log_inputs(run.info.run_id, [_data_set(tags["data"], folder)])
        return run

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

    def log_files(self, names: Iterable[str], folder: Path = Path(), parent: bool = False) -> None:
        """Log files under their own folders, to the stage's run or to its experiment's."""
        run = self.parent_id if parent else self.run_id
        for name in names:
            self.client.log_artifact(run, str(folder / name), str(Path(name).parent))

    def finish(self, folder: Path = Path()) -> None:
        """Record what the stage left in its files; of the same result only one record stays.

        A finished experiment stays as it is: another result of a stage begins a new one.

        Args:
            folder: where `metrics`, `plots` and `models` are.
        """
        digest = pipeline.md5((folder / results.OUTPUTS[self.stage]).read_bytes())
        place = self.parent.info.experiment_id
        others = store.find_stages(self.client, place, self.parent_id, self.stage)
        known = {run.data.tags["output"] for run in others if "output" in run.data.tags}
        if digest in known:
            self.client.delete_run(self.run_id)
            self.run_id = ""
            return
        if known and self.finished:
            tags = self.parent.data.tags
            kept = (*provenance.PLAN, "experiment", "revision")
            self.parent = self._create({key: tags[key] for key in kept}, folder)
            self.client.set_tag(self.run_id, store.PARENT, self.parent_id)
        results.write(self, folder)
        self.client.set_tag(self.run_id, "output", digest)
        if self._evaluated and self.stage == "evaluate":
            self.client.set_tag(self.parent_id, store.EVALUATED, self._evaluated)
        self.client.set_tag(self.run_id, "complete", "yes")

    def close(self, status: str) -> None:
        """End the stage's run and its experiment's; an end that was recorded stays."""
        if self.run_id:
            self.client.set_terminated(self.run_id, status)
        if not self.finished:
            ended = None if self.live else self.parent.info.end_time
            self.client.set_terminated(self.parent_id, status, ended)


def _choose(parents: list[Run], evaluated: str) -> Run | None:
    """Choose the experiment that a stage belongs to: one that is not finished before one that is.

    Where it is known what the evaluation depends on, none that is finished with another.
    """
    marks = [run.data.tags.get(store.EVALUATED) for run in parents]
    wanted = [evaluated, None] if evaluated else [None, *marks]  # the newest first
    return next((parents[marks.index(mark)] for mark in wanted if mark in marks), None)


def _about(stage: str, tags: dict[str, str], folder: Path, live: bool) -> dict[str, str]:
    """Return MLflow's own tags, by which its pages name a run's source and describe it."""
    told = pipeline.read_yaml(folder / "dvc.yaml")["stages"].get(stage, {}).get("desc", "")
    what = f"Stage {stage}: {told}." if stage else "The trainings and the evaluation lie below it."
    note = f"Experiment {tags['experiment']} of animals10, code {tags['revision'][:7]}. {what}"
    return {
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": f"stages/{stage}.py" if stage else "dvc.yaml",
        "mlflow.source.git.commit": tags["revision"].partition("-")[0],
        "mlflow.note.content": note if live else f"{note} It was {_AFTERWARDS}.",
    }


def _data_set(digest: str, folder: Path) -> DatasetInput:
    """Describe the photos, by the counts of their splits and where they come from."""
    source = pipeline.read_yaml(folder / "params.yaml")["fetch"]["source"]
    counts = folder / "metrics" / "split.json"
    data = Dataset(
        name=f"splits of {Path(without_secrets(source)).name or source}",
        digest=digest.removesuffix(".dir")[:36],
        source_type="local",
        source=json.dumps({"uri": without_secrets(source)}),
        profile=counts.read_text(encoding="utf-8") if counts.is_file() else None,
    )
    return DatasetInput(data, [InputTag("mlflow.data.context", "train, validation and test")])


def told(error: Exception) -> str:
    """Say in a clause whether MLflow does not answer, or this program has a defect."""
    known = isinstance(error, OSError) and error.errno in errors.OUTSIDE
    if known or isinstance(error, OUTSIDE):
        return f"MLflow does not answer ({store.reason(error)})"
    return f"the MLflow record fails ({store.reason(error)}); {kept_traceback()}"


@contextmanager
def stage_run(stage: str) -> Iterator["keras.callbacks.Callback"]:
    """Record a stage while it runs, and from its files when it has ended.

    The store is MLFLOW_TRACKING_URI, or mlflow.db in the user's project, also from a temporary
    copy of it.

    Args:
        stage: its name in dvc.yaml.

    Yields:
        A Keras callback that shows each epoch's metrics as they come.
    """
    record = Record(stage)
    record.attempt(lambda: _begin(record))
    try:
        yield _epochs(record)
    except BaseException as error:
        status = "KILLED" if isinstance(error, SystemExit) else "FAILED"
        # Who stops a run does not wait for a server that does not answer.
        ending = Thread(target=record.attempt, args=[lambda: record.close(status)], daemon=True)
        ending.start()
        ending.join(timeout=2)
        raise
    record.attempt(record.finish)
    record.attempt(lambda: record.close("FINISHED"))


def _begin(record: Record) -> None:
    plan = provenance.planned()
    identity = provenance.identity(plan)
    tags = {
        **identity,
        "experiment": provenance.experiment(identity),
        "revision": provenance.revision(),
        **provenance.surroundings(),
    }
    record.open(tags, provenance.evaluated(plan) if record.stage == "evaluate" else "")


def _epochs(record: Record) -> "keras.callbacks.Callback":
    import keras  # here, since `make sync` has most often nothing to do

    def log(epoch: int, logs: dict[str, float]) -> None:
        # As the history has them.
        values = {"lr" if key == "learning_rate" else key: value for key, value in logs.items()}
        record.attempt(lambda: record.log_metrics(rounded(values), epoch + 1))

    return keras.callbacks.LambdaCallback(on_epoch_end=log)


def log_benchmark(name: str, figures: dict[Any, Any], files: Iterable[Path]) -> None:
    """Log a benchmark as a run of its own.

    Args:
        name: of the run.
        figures: metrics, or dictionaries of them.
        files: of the benchmark.

    Raises:
        UserError: the store cannot be used.
    """
    try:
        client, place = store.connect()
        run = client.create_run(place, run_name=name, tags={"level": "benchmark"}).info.run_id
        for key, value in store.flat(figures).items():
            client.log_metric(run, key, value)
        for path in files:
            client.log_artifact(run, str(path))
        client.set_terminated(run)
    except OUTSIDE as error:
        raise UserError(f"the benchmark is written, but not recorded: {told(error)}") from None
