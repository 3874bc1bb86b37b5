"""A web server that answers by a script: honestly, or with the faults that are asked for."""

import hashlib
import http.server
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

CONTENT = hashlib.shake_256(b"archive").digest(200_000)
CHANGED = hashlib.shake_256(b"another").digest(200_000)
CUT = 80_000  # bytes
MONDAY, TUESDAY = "Mon, 05 Jan 2026 10:00:00 GMT", "Tue, 06 Jan 2026 10:00:00 GMT"


@dataclass(frozen=True)
class Answer:
    """What the server does with one request; an honest server's answer, unless told otherwise."""

    status: int = 200
    content: bytes = CONTENT
    etag: str | None = '"one"'
    modified: str | None = MONDAY
    ranges: bool = True
    conditions: bool = True
    sent: int | None = None  # bytes of the body after which it stops
    stall: float = 0.0  # seconds of silence after that
    headers: dict[str, str | None] = field(default_factory=dict)  # put over its own


class Handler(http.server.BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        answer = self.server.script[0]
        del self.server.script[: len(self.server.script) > 1]
        self.server.requests.append(dict(self.headers))
        status, body, headers = self.decide(answer)
        headers |= {"ETag": answer.etag, "Last-Modified": answer.modified}
        headers |= {"Content-Length": str(len(body)), **answer.headers}
        self.server.sent.append(len(body[: answer.sent]))
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(body[: answer.sent])
        self.server.closing.wait(answer.stall)

    def decide(self, answer: Answer) -> tuple[int, bytes, dict[str, str | None]]:
        asked, whole, known = self.headers, answer.content, (answer.etag, answer.modified)
        if answer.status != 200:
            return answer.status, b"no", {}
        if answer.conditions and (etag := asked["If-None-Match"] or asked["If-Modified-Since"]):
            return (304, b"", {}) if etag in known else (200, whole, {})
        found = re.fullmatch(r"bytes=(\d+)-", asked["Range"] or "")
        unchanged = not answer.conditions or asked["If-Range"] in known
        if not found or not answer.ranges or not unchanged:
            return 200, whole, {}
        start = int(found[1])
        if start >= len(whole):
            return 416, b"", {"Content-Range": f"bytes */{len(whole)}"}
        return 206, whole[start:], {"Content-Range": f"bytes {start}-{len(whole) - 1}/{len(whole)}"}

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests quiet."""


class Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = [Answer()]  # the last one is for all further requests
        self.requests: list[dict[str, str]] = []
        self.sent: list[int] = []  # bytes of body
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/photos.zip"
