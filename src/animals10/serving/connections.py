"""Connections: one whose request does not come whole is closed."""

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """A connection as uvicorn's, which would wait for the end of a request's head for ever.

    A head has `patience` seconds from its first byte, or from the connection's beginning.
    """

    patience: ClassVar[float] = 10.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
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
