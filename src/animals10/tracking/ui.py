"""MLflow's pages, opened on the runs of this project."""

import os
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import suppress

import requests

from animals10.errors import UserError, without_secrets
from animals10.tracking import store

_HOST = "127.0.0.1"


def open_pages(port: int) -> Iterator[str]:
    """Serve MLflow's pages on 127.0.0.1, and open a browser on them.

    This process becomes MLflow's server: beside it, it would hold memory for nothing.

    Yields:
        A line with the address of the runs: MLflow's first page is about language models.

    Raises:
        UserError: the store cannot be used, or the port is taken.
    """
    with store.explained():
        _, experiment_id = store.connect()
    uri, _ = store.locate()
    served = uri.startswith("http")
    if not served:
        _require_free(port)
    server = without_secrets(uri) if served else f"http://{_HOST}:{port}"
    page = f"{server}/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    yield f"the runs: {page} (the server starts in some seconds; Ctrl-C stops it)"
    if sys.stdout.isatty():  # not a thread, which would end with this program
        subprocess.Popen([sys.executable, "-m", "animals10.tracking.ui", page])
    if not served:
        # Its default is four workers and a runner of jobs: 14 processes and 3.3 GB.
        os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
        quiet = ["--uvicorn-opts", "--log-level warning"]
        where = ["--host", _HOST, "--backend-store-uri", uri]
        os.execv(sys.executable, [*command, *quiet, *where])  # noqa: S606


def _require_free(port: int) -> None:
    try:
        socket.create_server((_HOST, port)).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen on {_HOST}, port {port}: {error}; give another --port"
        ) from None


def _open(page: str) -> None:
    """Open a page in a browser as soon as its server responds, within a minute."""
    for _ in range(600):
        with suppress(requests.RequestException):
            requests.get(page, timeout=1)
            webbrowser.open(page)
            return
        time.sleep(0.1)


if __name__ == "__main__":
    _open(sys.argv[1])
