"""The MLflow store: where it is, and how runs are found in it."""

import logging
import os
import platform
from contextlib import nullcontext
from typing import Any

import mlflow
import psutil
from filelock import FileLock
from mlflow.entities import Run

from animals10 import provenance, workspace

PARENT = "mlflow.parentRunId"
_EXPERIMENT = "animals10"
# Seconds and tries after which a server that does not answer is given up.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
# It prints tracebacks of what fails, of which the callers print a line.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def connect() -> tuple[mlflow.MlflowClient, str]:
    """Open the store; return a client, and the id of the project's MLflow experiment."""
    # It would take the place of the run that is to be opened.
    os.environ.pop("MLFLOW_RUN_ID", None)
    for key, value in _PATIENCE.items():
        os.environ.setdefault(key, value)
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    # Eight workers at once wait for each other longer than SQLite's 5 s.
    mlflow.set_tracking_uri(uri or f"sqlite:///{workspace.root() / 'mlflow.db'}?timeout=60")
    # Of the workers that find no store, one makes it.
    lock = nullcontext() if uri else FileLock(workspace.root() / "mlflow.db.lock", timeout=60)
    with lock:
        client = mlflow.MlflowClient()
        return client, _experiment(client, uri)


def _experiment(client: mlflow.MlflowClient, uri: str | None) -> str:
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
    if found := client.get_experiment_by_name(name):
        if found.lifecycle_stage == "deleted":  # in the UI, say; nothing can be logged to it
            client.restore_experiment(found.experiment_id)
        return found.experiment_id
    # Beside the default store; MLflow would take the current folder, maybe a copy.
    location = None if uri else (workspace.root() / "mlruns").as_uri()
    return client.create_experiment(name, artifact_location=location)


def find_stages(client: mlflow.MlflowClient, place: str, parent: str, stage: str) -> list[Run]:
    """Find the runs of a stage below an experiment's run."""
    condition = f"tags.`{PARENT}` = '{parent}' and tags.`mlflow.runName` = '{stage}'"
    return list(client.search_runs([place], condition))


def find_parent(
    client: mlflow.MlflowClient, place: str, tags: dict[str, str], named: bool = True
) -> Run | None:
    """Find an experiment's run.

    Args:
        client: of the store.
        place: id of the MLflow experiment.
        tags: identity, and the experiment's name.
        named: only under this name; otherwise under any.

    Returns:
        The run, or None.
    """
    # By identity as well: a name may be used again with other code, data or parameters.
    query = {"level": "experiment"} | {key: tags[key] for key in ("code", "data", "parameters")}
    condition = " and ".join(f"tags.{key} = '{value}'" for key, value in query.items())
    for run in client.search_runs([place], condition):
        if not named or run.data.tags.get("experiment") == tags["experiment"]:
            return run
    return None


def find_output(content: bytes) -> Run | None:
    """Find the run that made a file: the oldest whose machine is known, if there is one.

    Raises:
        Exception: whatever MLflow raises when it does not answer.
    """
    if "MLFLOW_TRACKING_URI" not in os.environ and not (workspace.root() / "mlflow.db").exists():
        return None
    client, place = connect()
    query = f"tags.output = '{provenance.md5(content)}'"
    found = list(client.search_runs([place], query, order_by=["attributes.start_time"]))
    return next((run for run in found if "machine" in run.data.tags), next(iter(found), None))


def process() -> str:
    """Name this process for others, on other machines and after a restart as well."""
    return f"{platform.node()} {os.getpid()} {_begun(os.getpid())}"


def _begun(number: int) -> int:
    return int(psutil.Process(number).create_time())


def is_alive(run: Run) -> bool:
    """Tell whether the process that made a run still works at it; False on another machine."""
    told = run.data.tags.get("process", "").split()
    if run.info.status != "RUNNING" or len(told) != 3 or told[0] != platform.node():
        return False
    number, begun = int(told[1]), int(told[2])
    try:
        return number != os.getpid() and abs(_begun(number) - begun) < 2  # the clock may be set
    except psutil.NoSuchProcess:
        return False


def delete(client: mlflow.MlflowClient, run: Run) -> None:
    """Delete a run, and the models that it logged."""
    for model in run.outputs.model_outputs if run.outputs else ():
        client.delete_logged_model(model.model_id)
    client.delete_run(run.info.run_id)


def reason(error: Exception) -> str:
    """Return the first line of an error, in short."""
    return str(error).partition("\n")[0][:200]


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
