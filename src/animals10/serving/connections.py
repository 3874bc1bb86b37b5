"""Connections: how many there may be; one whose request does not come whole is closed."""

import asyncio
import resource
from collections.abc import Callable
from typing import ClassVar

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from animals10.errors import UserError
from animals10.serving.refusals import Refusal

BACKLOG = 128  # connections that wait to be accepted, and beyond the limit are told so
_OTHERS = 128  # files that are open beside connections


def require_files(connections: int) -> None:
    """Let the process open as many files as it may need.

    Without one, asyncio (3.11) writes a traceback for each connection that it cannot accept.

    Args:
        connections: at once.

    Raises:
        UserError: the system allows fewer.
    """
    wanted = connections + BACKLOG + _OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise UserError(
            f"{connections} connections need {wanted} open files, and the system allows "
            f"{hard}; give --set connections={max(hard - BACKLOG - _OTHERS, 8)}, or raise "
            "`ulimit -Hn`"
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Full:
    """What a connection beyond the limit gets: 503, but for health.

    Args:
        app: responds to requests for health.
        refused: is called with each refusal.
    """

    def __init__(self, app: ASGIApp, refused: Callable[[Refusal], None]) -> None:
        self._app, self._refused = app, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["path"].startswith(("/health/", "/v2/health/")):
            await self._app(scope, receive, send)
            return
        refusal = Refusal(503, "there are too many connections; try again later", "connections")
        self._refused(refusal)
        response = refusal.response(scope["path"])
        response.headers["Connection"] = "close"
        await response(scope, receive, send)


class Connection(H11Protocol):
    """A connection as uvicorn's, which would wait for the end of a request's head for ever.

    A head has `patience` seconds from its first byte, or from the connection's beginning. Beyond
    `most` connections, `full` responds; beyond what may wait as well, they are closed.
    """

    patience: ClassVar[float] = 10.0
    most: ClassVar[int] = 512
    full: ClassVar[Full]
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head, if there are not too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self.most + BACKLOG:
            transport.abort()
        elif len(self.connections) > self.most:
            self.app = self.full
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head, if it is not whole yet."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        super().connection_lost(exc)
        if self._timer:
            self._timer.cancel()

    def _watch(self) -> None:
        waits = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if self._timer and not waits:
            self._timer.cancel()
            self._timer = None
        elif waits and not self._timer:
            self._timer = self.loop.call_later(self.patience, self.transport.close)
