"""MLflow: one parent run per experiment, with a child run per training, evaluation and report.

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

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run

from animals10 import files
from animals10.errors import without_secrets
from animals10.files import rounded
from animals10.tracking import provenance, results, store

if TYPE_CHECKING:
    import keras

EVALUATED = "evaluated"  # a finished experiment's tag: the digest of what its evaluation read
_AFTERWARDS = "It was recorded from the stage's files: its times are of the record."


class Record:
    """The run of one stage, below its experiment's.

    Attributes:
        store: where both are.
        run_id: of the stage's run; "" once it is deleted.
        parent: the experiment's run, as it was when the record was opened.
    """

    def __init__(
        self,
        stage: str,
        tags: dict[str, str],
        evaluated: str,
        folder: Path = Path(),
        live: bool = False,
    ) -> None:
        """Begin the stage's run, and its experiment's when it is the first.

        Args:
            stage: its name in dvc.yaml.
            tags: those of `provenance.identity`, and `experiment`, its name, and `revision`.
            evaluated: as `provenance.evaluated` gives it; "" where that is not known yet.
            folder: where params.yaml, `metrics`, `plots` and `models` are.
            live: the stage runs now; otherwise it is recorded from its files alone.
        """
        self.stage, self.folder, self.live, self.evaluated = stage, folder, live, evaluated
        self.store = store.connect()
        self.parent = find_experiment(self.store, tags, evaluated) or self._create(tags)
        for run in self.store.find_stages(self.parent_id, stage):
            if "output" not in run.data.tags:  # as a kill leaves it
                self.store.delete(run.info.run_id)
        self.run_id = self._create(tags, self.parent_id).info.run_id
        if live and not self.finished:
            self.store.client.update_run(self.parent_id, status="RUNNING")

    @property
    def parent_id(self) -> str:
        """The id of the experiment's run."""
        return str(self.parent.info.run_id)

    @property
    def finished(self) -> bool:
        """Whether the experiment's record was complete already, so that nothing in it changes."""
        return EVALUATED in self.parent.data.tags

    def _create(self, tags: dict[str, str], parent: str = "") -> Run:
        values = files.read_yaml(self.folder / "params.yaml")
        source, of = values["fetch"]["source"], f"experiment {tags['experiment']} of animals10"
        about = {"level": "experiment", "mlflow.source.name": "dvc.yaml"}
        if parent:
            values, of = values.get(self.stage, values), f"stage {self.stage} of {of}"
            about = {"level": "stage", "mlflow.source.name": f"stages/{self.stage}.py"}
            about[store.PARENT] = parent
        about |= {
            "mlflow.source.type": "LOCAL",
            "mlflow.source.git.commit": tags["revision"].partition("-")[0],
            "mlflow.note.content": f"The {of}, code {tags['revision'][:7]}."
            + f" {_AFTERWARDS}" * (not self.live),
        }
        client, experiment_id = self.store
        name = self.stage if parent else tags["experiment"]
        run = client.create_run(experiment_id, run_name=name, tags=tags | about)
        flat = store.flat(values, ".").items()
        params = [Param(key, without_secrets(str(value))) for key, value in flat]
        client.log_batch(run.info.run_id, params=params)
        data_set = _describe_data(without_secrets(source), tags["data"], self.folder)
        client.log_inputs(run.info.run_id, [data_set])
        return run

    def log_metrics(
        self, run_id: str, values: dict[str, float], step: int = 0, model: str | None = None
    ) -> None:
        """Log metrics to a run and, where given, to a logged model."""
        now = int(1000 * time.time())
        metrics = [Metric(key, float(each), now, step, model) for key, each in values.items()]
        self.store.client.log_batch(run_id, metrics=metrics)

    def log_files(self, run_id: str, names: Iterable[str]) -> None:
        """Log files under their own folders."""
        for name in names:
            path = self.folder / name
            self.store.client.log_artifact(run_id, str(path), str(Path(name).parent))

    def finish(self) -> None:
        """Record what the stage left in its files; of the same result only one record stays.

        A finished experiment stays as it is: another result of a stage begins a new one.
        """
        digest = files.md5((self.folder / results.OUTPUTS[self.stage]).read_bytes())
        runs = self.store.find_stages(self.parent_id, self.stage)
        known = {run.data.tags["output"] for run in runs if "output" in run.data.tags}
        client = self.store.client
        if digest in known:
            client.delete_run(self.run_id)
            self.run_id = ""
        else:
            if known and self.finished:
                kept = (*provenance.IDENTITY, "experiment", "revision")
                self.parent = self._create({key: self.parent.data.tags[key] for key in kept})
                client.set_tag(self.run_id, store.PARENT, self.parent_id)
            results.write(self)
            if self.evaluated and self.stage == "evaluate":
                client.set_tag(self.parent_id, EVALUATED, self.evaluated)
            client.set_tag(self.run_id, "output", digest)
        self.close("FINISHED")

    def close(self, status: str) -> None:
        """End the stage's run and its experiment's; an end that was recorded stays."""
        if self.run_id:
            self.store.client.set_terminated(self.run_id, status)
        if not self.finished:
            ended = None if self.live else self.parent.info.end_time
            self.store.client.set_terminated(self.parent_id, status, ended)


def find_experiment(records: store.Store, tags: dict[str, str], evaluated: str) -> Run | None:
    """Find an experiment's run: one that is not finished before one that is, the newest first.

    Args:
        records: the store.
        tags: those of `provenance.identity` and, where it is known, `experiment`.
        evaluated: with it, no experiment is found that is finished with another.
    """
    keys = [key for key in (*provenance.IDENTITY, "experiment") if key in tags]
    found = records.search(level="experiment", **{key: tags[key] for key in keys})
    marks = [run.data.tags.get(EVALUATED) for run in found]
    wanted = [evaluated, None] if evaluated else [None, *marks]
    return next((found[marks.index(mark)] for mark in wanted if mark in marks), None)


def _describe_data(source: str, digest: str, folder: Path) -> DatasetInput:
    """Describe the photos by where they come from and the counts of their splits."""
    data = Dataset(
        name=f"splits of {Path(source).name or source}",
        digest=digest[:36],
        source_type="local",
        source=json.dumps({"uri": source}),
        profile=(folder / "metrics/split.json").read_text(encoding="utf-8"),
    )
    return DatasetInput(data, [InputTag("mlflow.data.context", "train, validation and test")])


class _Attempts:
    """Calls of MLflow; once one fails, which prints a line, no further one is tried."""

    failed = False

    def __call__(self, action: Callable[[], Any]) -> Any:
        """Call; Keras's random numbers stay the same, however often MLflow waited and retried."""
        if self.failed:
            return None
        state = random.getstate()
        try:
            return action()
        except Exception as error:
            self.failed = True
            problem = store.describe(error)
            print(f"{problem}; the run continues without it: see `make sync`", flush=True)
        finally:
            random.setstate(state)


@contextmanager
def stage_run(stage: str) -> Iterator["keras.callbacks.Callback"]:
    """Record a stage while it runs, and from its files when it has ended.

    The store is MLFLOW_TRACKING_URI, or mlflow.db in the user's project, also from a temporary
    copy of it.

    Args:
        stage: its name in dvc.yaml.

    Yields:
        A Keras callback that logs each epoch's metrics.
    """
    attempt = _Attempts()
    record: Record = attempt(lambda: _begin(stage))
    try:
        yield _epochs(record, attempt)
    except BaseException as error:
        status = "KILLED" if isinstance(error, SystemExit) else "FAILED"
        # Who stops a run does not wait for a server that does not respond.
        ending = Thread(target=attempt, args=[lambda: record.close(status)], daemon=True)
        ending.start()
        ending.join(timeout=2)
        raise
    attempt(lambda: record.finish())


def _begin(stage: str) -> Record:
    plan = provenance.planned()
    identity = provenance.identity(plan)
    names = {"experiment": provenance.experiment(identity), "revision": provenance.revision()}
    tags = identity | names | provenance.preset() | provenance.surroundings()
    return Record(stage, tags, provenance.evaluated(plan) if stage == "evaluate" else "", live=True)


def _epochs(record: Record, attempt: _Attempts) -> "keras.callbacks.Callback":
    import keras  # here, since `make sync` has most often nothing to do

    def log(epoch: int, logs: dict[str, float]) -> None:
        attempt(lambda: record.log_metrics(record.run_id, rounded(logs), epoch + 1))

    return keras.callbacks.LambdaCallback(on_epoch_end=log)
