"""The MLflow store: where it is, and how runs are found in it."""

import json
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pandas as pd
from filelock import FileLock
from mlflow.entities import LoggedModel, Run
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from animals10 import errors, files
from animals10.errors import UserError, kept_traceback, without_secrets

PARENT = "mlflow.parentRunId"
# What MLflow, its database and its server raise; all else is a defect of this program.
FAILURES = (
    mlflow.MlflowException, RequestException, SQLAlchemyError, json.JSONDecodeError,
    ConnectionError, PermissionError, TimeoutError, ModuleNotFoundError,
)  # fmt: skip
_SQLITE = "sqlite:///"
# Seconds and retries after which a server that does not respond is given up.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
# It prints tracebacks of failures, and the callers print a line of each.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


class Store(NamedTuple):
    """A client of MLflow, and the id of the project's MLflow experiment."""

    client: mlflow.MlflowClient
    experiment_id: str

    def search(self, **tags: str) -> list[Run]:
        """Find the runs that have all these tags, the newest first."""
        # A name may hold an apostrophe, as git allows; json writes the other quotation marks.
        condition = " and ".join(
            f"tags.`{key}` = {json.dumps(value, ensure_ascii=False)}" for key, value in tags.items()
        )
        return list(self.client.search_runs([self.experiment_id], condition))

    def find_stages(self, parent: str, stage: str) -> list[Run]:
        """Find the runs of a stage below an experiment's run."""
        return self.search(**{PARENT: parent, "mlflow.runName": stage})

    def find_models(self, run_id: str) -> list[LoggedModel]:
        """Find the models that a run logged."""
        outputs = self.client.get_run(run_id).outputs
        models = outputs.model_outputs if outputs else []
        return [self.client.get_logged_model(output.model_id) for output in models]

    def delete(self, run_id: str) -> None:
        """Delete a run, and the models that it logged."""
        for model in self.find_models(run_id):
            self.client.delete_logged_model(model.model_id)
        self.client.delete_run(run_id)


def connect() -> Store:
    """Open the store; of workers that find none, one makes it."""
    os.environ.pop("MLFLOW_RUN_ID", None)  # it would replace the run that is to be opened
    for key, value in _PATIENCE.items():
        os.environ.setdefault(key, value)
    uri, own = locate()
    # Beside the database; MLflow would take the current folder, maybe a copy.
    artifacts = (files.root() / "mlruns").as_uri() if uri.startswith("sqlite") else None
    with FileLock(f"{own}.lock", timeout=60) if own else nullcontext():
        # Not `mlflow.set_tracking_uri`, which writes into the user's own variable.
        client = mlflow.MlflowClient(uri)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "animals10")
        found = client.get_experiment_by_name(name)
        if found is None:
            return Store(client, client.create_experiment(name, artifact_location=artifacts))
        moved = found.artifact_location != artifacts and found.artifact_location.endswith("/mlruns")
        if own and artifacts and moved:
            _follow(own, found.artifact_location, artifacts)
        if found.lifecycle_stage == "deleted":  # in the UI, say; nothing can be logged to it
            client.restore_experiment(found.experiment_id)
        return Store(client, found.experiment_id)


def locate() -> tuple[str, Path | None]:
    """Return the store's URI, and the store's file where that lies in the user's project.

    It is MLFLOW_TRACKING_URI, or mlflow.db in the user's project. A relative database is in the
    user's project as well: the current folder may be a temporary copy of it.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}mlflow.db"
    if not uri.startswith(_SQLITE):
        return uri, None
    name, _, options = uri.removeprefix(_SQLITE).partition("?")
    path = files.root() / name
    # SQLAlchemy reads it as a URL. With the driver named, since MLflow would else make a folder of
    # the very name that the URL has. Eight workers at once wait longer than SQLite's 5 s.
    quoted = str(path).replace("%", "%25").replace("?", "%3F")
    inside = path.resolve().is_relative_to(files.root())
    return f"sqlite+pysqlite:///{quoted}?{options or 'timeout=60'}", path if inside else None


def _follow(path: Path, old: str, new: str) -> None:
    """Rewrite the addresses of artifacts after a database was moved or copied with its project.

    MLflow keeps absolute addresses and has no call that changes them; a copy would write into the
    original's artifacts. These are its tables' names; a test moves a project.
    """
    location, uri = "artifact_location", "artifact_uri"
    with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        for table, column in (
            ("experiments", location),
            ("logged_models", location),
            ("model_versions", "source"),
            ("model_versions", "storage_location"),
            ("runs", uri),
        ):
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                f"WHERE substr({column} || '/', 1, ?) = ?",
                (new, len(old) + 1, len(old) + 1, f"{old}/"),
            )


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error of MLflow into a line for the user.

    Raises:
        UserError: MLflow does not respond.
    """
    try:
        yield
    except FAILURES as error:
        raise UserError(f"{describe(error)}; check MLFLOW_TRACKING_URI") from None


def describe(error: Exception) -> str:
    """Say in a clause, without passwords, whether MLflow or this program fails."""
    if isinstance(error, ModuleNotFoundError):
        return f"MLflow's store needs the package {error.name}, which is not installed"
    reason = without_secrets(str(error).partition("\n")[0])
    if len(reason) > 200:
        reason = f"{reason[:100]} … {reason[-100:]}"  # the cause often stands last
    known = isinstance(error, OSError) and error.errno in errors.OUTSIDE
    if known or isinstance(error, FAILURES):
        return f"MLflow does not respond ({reason})"
    return f"the MLflow record fails ({reason}); {kept_traceback()}"


def flat(values: dict[str, Any], separator: str = "/") -> dict[str, Any]:
    """Flatten nested dictionaries, joining the keys, as MLflow takes parameters and metrics."""
    (row,) = pd.json_normalize(values, sep=separator).to_dict("records")
    return {str(key): value for key, value in row.items()}
