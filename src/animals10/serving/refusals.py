"""A request that is not served: its status, its one clear line, and what metrics call it."""

import json
from typing import Any

from starlette.responses import JSONResponse, Response

RETRY_AFTER = 1  # seconds; what is full now is worked off in about that time
INFERENCE = "/v2"  # the Open Inference Protocol has a form of its own


class Refusal(Exception):
    """A request that is not served.

    Args:
        status: of HTTP.
        detail: one line for the client.
        reason: a word for metrics; a constant, never what the client sent.
    """

    def __init__(self, status: int, detail: str, reason: str) -> None:
        super().__init__(detail)
        self.status, self.detail, self.reason = status, detail, reason

    def response(self, path: str) -> Response:
        """Return what the client receives who asked for a path."""
        headers = {"Retry-After": str(RETRY_AFTER)} if self.status == 503 else {}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(body(path, self.detail), self.status, headers)


def body(path: str, detail: str) -> dict[str, Any]:
    """Return the body of an error, in the form of the API that a path belongs to."""
    key = "error" if path == INFERENCE or path.startswith(f"{INFERENCE}/") else "detail"
    return {key: detail}


def shortened(text: str, length: int = 80) -> str:
    """Quote what a client sent, so that a response and a log stay one short line."""
    return json.dumps(text if len(text) <= length else text[:length] + "…", ensure_ascii=True)
