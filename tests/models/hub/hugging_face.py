"""A server in Hugging Face's place, with one repository: folders of files by commit."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Server(http.server.ThreadingHTTPServer):
    """`commits` has a folder for each commit; `main` is the newest one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.commits: dict[str, Path] = {}
        self.main = ""
        self.requests = 0
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.requests += 1
        parts = self.path.strip("/").split("/")
        if parts[:4] == ["api", "models", "owner", "small"]:
            commit = self._commit(parts[-1] if "revision" in parts else "main")
            body = json.dumps({"id": "owner/small", "modelId": "owner/small", "sha": commit})
            self._reply(200, body.encode(), {"Content-Type": "application/json"})
        elif parts[:3] == ["owner", "small", "resolve"]:
            commit = self._commit(parts[3])
            content = (self.server.commits[commit] / parts[4]).read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            self._reply(200, content, {"X-Repo-Commit": commit, "ETag": etag})
        else:
            self._reply(404, b"", {"X-Error-Code": "RepoNotFound"})

    def _commit(self, revision: str) -> str:
        return self.server.main if revision == "main" else revision

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests quiet."""


@contextmanager
def serve() -> Iterator[Server]:
    """Run the server."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
