"""A server in Kaggle's place, at the address that kagglehub knows as that of its tests."""

import http.server
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Handler(http.server.BaseHTTPRequestHandler):
    """What answers have in common."""

    def reply(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def serve(handler: type[Handler], cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the server; `cache` is where kagglehub keeps what it downloads."""
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")  # http://localhost:7777
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(cache))
    logging.getLogger("kagglehub").setLevel(logging.ERROR)
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 7777), handler)
    except OSError:
        pytest.skip("port 7777 is taken")
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
