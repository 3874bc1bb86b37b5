"""MLflow's pages, opened on the runs of this project."""

import os
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import urlopen

from animals10.errors import UserError, without_secrets
from animals10.tracking import store

_WAIT = 60  # seconds


def serve(port: int) -> Iterator[str]:
    """Serve MLflow's pages to this machine until it is stopped, and open them where a browser is.

    Args:
        port: of 127.0.0.1.

    Yields:
        A line with the address of the runs: MLflow's first page is about language models.

    Raises:
        UserError: the server ends by itself, say since the port is taken.
    """
    _, place = store.connect()
    runs = f"#/experiments/{place}/runs?workflowType=machine_learning"
    if store.address().startswith("http"):
        yield f"the runs: {without_secrets(store.address())}/{runs}"
        return
    # Its default is four workers and a runner of jobs: 14 processes and 3.3 GB.
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    address = ["--host", "127.0.0.1", "--backend-store-uri", store.address()]
    settings = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen([*command, *address], env=settings)
    try:
        _wait_for(server, port)
        page = f"http://127.0.0.1:{port}/{runs}"
        yield f"the runs: {page}"
        if sys.stdout.isatty():
            webbrowser.open(page)
        if server.wait():
            raise UserError("MLflow's server ended; see above")
    finally:
        server.terminate()
        server.wait()


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(10 * _WAIT):
        if server.poll() is not None:
            raise UserError(f"MLflow's server does not start on port {port}; see above")
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise UserError(f"MLflow's server does not answer within {_WAIT} s")
