"""The MLflow store: where it is, and how runs are found in it."""

import json
import logging
import os
import platform
import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import mlflow
import psutil
from filelock import FileLock
from mlflow.entities import LoggedModel, Run

from animals10 import workspace
from animals10.errors import without_secrets
from animals10.pipeline import md5
from animals10.tracking.provenance import PLAN

PARENT = "mlflow.parentRunId"
EVALUATED = "evaluated"  # a finished experiment's tag: the digest of what its evaluation read
_EXPERIMENT = "animals10"
_FILE = "mlflow.db"
_SQLITE = "sqlite:///"
# Seconds and tries after which a server that does not answer is given up.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
# Tables and columns of MLflow's database that hold absolute addresses of artifacts.
_ADDRESSES = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
}
# It prints tracebacks of what fails, of which the callers print a line.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def connect() -> tuple[mlflow.MlflowClient, str]:
    """Open the store; return a client, and the id of the project's MLflow experiment."""
    # It would take the place of the run that is to be opened.
    os.environ.pop("MLFLOW_RUN_ID", None)
    for key, value in _PATIENCE.items():
        os.environ.setdefault(key, value)
    uri, own = address(), database()
    # Of the workers that find no store, one makes it.
    lock = FileLock(f"{own}.lock", timeout=60) if own else nullcontext()
    with lock:
        # Not `mlflow.set_tracking_uri`, which writes into the user's own variable.
        client = mlflow.MlflowClient(uri)
        return client, _experiment(client, uri, own)


def address() -> str:
    """Return the store's URI: MLFLOW_TRACKING_URI, or that of mlflow.db in the user's project.

    Relative ones are from the user's project on: the current folder may be a temporary copy of it.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or _SQLITE + _FILE
    if uri.startswith(_SQLITE):
        path, _, options = uri.removeprefix(_SQLITE).partition("?")
        return _address(workspace.root() / path, options)
    scheme, colon, rest = uri.partition(":")
    if scheme == "file" and not rest.startswith("/"):
        return (workspace.root() / rest).as_uri()
    return uri if colon else (workspace.root() / uri).as_uri()


def _address(path: Path, options: str) -> str:
    # SQLAlchemy reads it as a URL. With the driver named, since MLflow would else make a folder of
    # the very name that the URL has. Eight workers at once wait longer than SQLite's 5 s.
    quoted = str(path).replace("%", "%25").replace("?", "%3F")
    return f"sqlite+pysqlite:///{quoted}?{options or 'timeout=60'}"


def database() -> Path | None:
    """Return the file of a store that lies in the user's project; None where it lies elsewhere."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or _SQLITE + _FILE
    path = workspace.root() / uri.removeprefix(_SQLITE).partition("?")[0]
    inside = path.resolve().is_relative_to(workspace.root())
    return path if uri.startswith(_SQLITE) and inside else None


def _experiment(client: mlflow.MlflowClient, uri: str, own: Path | None) -> str:
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
    # Beside the database; MLflow would take the current folder, maybe a copy.
    location = (workspace.root() / "mlruns").as_uri() if uri.startswith("sqlite") else None
    if found := client.get_experiment_by_name(name):
        if own and location and found.artifact_location != location:
            _follow(own, found.artifact_location, location)
        if found.lifecycle_stage == "deleted":  # in the UI, say; nothing can be logged to it
            client.restore_experiment(found.experiment_id)
        return found.experiment_id
    return client.create_experiment(name, artifact_location=location)


def _follow(path: Path, old: str, new: str) -> None:
    """Let a database that was moved or copied with its project name the artifacts beside it.

    MLflow keeps absolute addresses and has no call that changes them; a copy would write into the
    original's artifacts. These are its tables' names; a test moves a project.
    """
    with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        for table, column in _ADDRESSES.items():
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                f"WHERE substr({column} || '/', 1, ?) = ?",
                (new, len(old) + 1, len(old) + 1, f"{old}/"),
            )


def find_stages(client: mlflow.MlflowClient, place: str, parent: str, stage: str) -> list[Run]:
    """Find the runs of a stage below an experiment's run."""
    condition = f"tags.`{PARENT}` = '{parent}' and tags.`mlflow.runName` = '{stage}'"
    return list(client.search_runs([place], condition))


def find_parents(
    client: mlflow.MlflowClient, place: str, tags: dict[str, str], keys: tuple[str, ...] = PLAN
) -> list[Run]:
    """Find the runs of experiments that agree in some tags, the newest first.

    Args:
        client: of the store.
        place: id of the MLflow experiment.
        tags: what decided the results, as `provenance.identity` returns it, and others.
        keys: of the tags that must agree.
    """
    query = {"level": "experiment"} | {key: tags[key] for key in keys}
    # A name may hold an apostrophe, as git allows; json writes the other quotation marks.
    condition = " and ".join(
        f"tags.{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in query.items()
    )
    return list(client.search_runs([place], condition))


def find_models(client: mlflow.MlflowClient, run: Run) -> list[LoggedModel]:
    """Find the models that a run logged."""
    outputs = run.outputs.model_outputs if run.outputs else []
    return [client.get_logged_model(output.model_id) for output in outputs]


def find_output(content: bytes) -> Run | None:
    """Find the run that made a file: the oldest whose machine is known, if there is one.

    Raises:
        Exception: whatever MLflow raises when it does not answer.
    """
    if (own := database()) and not own.exists():
        return None
    client, place = connect()
    query = f"tags.output = '{md5(content)}'"
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
    """Return the first line of an error, in short, without passwords."""
    return without_secrets(str(error).partition("\n")[0])[:200]


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
