"""The command `serve`."""

import argparse
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from animals10.errors import UserError
from animals10.serving import access, api, page_folder, recording, settings
from animals10.serving.connections import BACKLOG, Connection, Full, require_files
from animals10.serving.service import Service

_STOPPING = 3  # seconds for requests that are being served; a command has four to end


def run(arguments: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM; then finish what is being served.

    Raises:
        UserError: a setting is not allowed, the port is taken, or there is no such model.
    """
    limits, token = settings.read(arguments.set), settings.read_token()
    access.require_private(arguments.host, token)
    require_files(limits.connections)
    record = recording.recorder(arguments.log) if arguments.log else None
    service = Service(limits, arguments.model, record)
    app = api.create(service, token)
    listening = _listen(arguments.host, arguments.port)
    notes = [service.following.note, *_add_page(app, service, token, arguments.no_page)]
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    # Its warnings quote what a client sends.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    for line in (*filter(None, notes), _greeting(service, listening)):
        print(line, file=sys.stderr, flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: None)  # uvicorn has its own while it serves
    Connection.patience, Connection.most = limits.idle, limits.connections
    Connection.full = Full(app, service.metrics.refuse)
    uvicorn.Server(_configure(app)).run(sockets=[listening])


def _configure(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        access_log=False,  # metrics count requests, and a log of them would grow without bound
        log_config=None,
        log_level="error",
        backlog=BACKLOG,
        timeout_graceful_shutdown=_STOPPING,
        server_header=False,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen on {host}, port {port}: {error}; give another --host or --port"
        ) from None


def _greeting(service: Service, listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    place = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    model = service.following.current
    version = f", version {model.version}" if model.version else ""
    return f"serving {model.name}{version} on {place}; the API is described at /docs"


def _add_page(app: FastAPI, service: Service, token: str | None, unwanted: bool) -> list[str]:
    """Mount the page, where there may be one; return what the user should know of it."""
    if unwanted:
        return []
    if token:
        return ["there is no page, since a browser cannot send the token"]
    app.state.page_folder = folder = page_folder.make()
    # Both variables are read when Gradio is imported.
    os.environ["GRADIO_TEMP_DIR"] = folder.name
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        from animals10.serving import page  # it takes seconds, and may be left out of a container
    except ImportError as error:
        return [f"there is no page, since Gradio cannot be imported ({error})"]
    page.mount(app, service, Path(folder.name))
    return []
