"""Bodies of requests: counted and timed while they arrive, whatever reads them."""

import asyncio
import contextlib
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from animals10.serving.refusals import Refusal
from animals10.serving.settings import Settings

# After a refusal the rest is read for that long, since a connection that is closed with bytes
# unread is reset, and the response with it.
_LINGER_SECONDS, _LINGER_BYTES = 1.0, 4 * 2**20


class Bodies:
    """An ASGI middleware that refuses bodies which are too large, too slow, or too many at once.

    Args:
        app: what handles the requests.
        settings: the limits.
        refused: is called with each refusal.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, refused: Callable[[Refusal], None]
    ) -> None:
        self._app, self._settings, self._refused = app, settings, refused
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(self, scope, receive, send)
        try:
            body.require_length()
            await self._app(scope, body.receive, body.send)
        except asyncio.CancelledError:  # by uvicorn, which stops and has waited long enough
            body.refusal = Refusal(503, "the server is stopping; try again", "stopping")
        except Exception:
            if body.refusal is None:
                raise
        finally:
            self._held -= body.size
        if body.refusal is not None:
            self._refused(body.refusal)
            await body.refuse(scope)

    def hold(self, size: int) -> bool:
        """Count bytes as held in memory, and return whether they may be."""
        self._held += size
        return self._held <= self._settings.held_bytes

    @property
    def settings(self) -> Settings:
        """The limits."""
        return self._settings


class _Body:
    """The body of one request, and the response to it."""

    def __init__(self, bodies: Bodies, scope: Scope, receive: Receive, send: Send) -> None:
        self._bodies, self._receive, self._send = bodies, receive, send
        headers = {key: value for key, value in scope["headers"] if key in _FRAMING}
        self._length = headers.get(b"content-length", b"0")
        self._whole = self._length == b"0" and b"transfer-encoding" not in headers
        self._started = False
        self._end = asyncio.get_running_loop().time() + bodies.settings.body_seconds
        self.size = 0
        self.refusal: Refusal | None = None

    def require_length(self) -> None:
        """Refuse a body whose declared length is too large."""
        if int(self._length) > self._bodies.settings.body_bytes:
            raise self._too_large()

    async def receive(self) -> Message:
        """Return the next part of the body, if it comes in time and is not too much."""
        if self._whole:
            return await self._receive()
        message = await self._next()
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            self._whole = not message.get("more_body", False)
        return message

    async def _next(self) -> Message:
        settings = self._bodies.settings
        left = self._end - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0, min(settings.idle, left))):
                return await self._receive()
        except TimeoutError:
            if left <= settings.idle:
                detail = f"the body took more than {settings.body_seconds:g} seconds"
            else:
                detail = f"no byte of the body came for {settings.idle:g} seconds"
            raise self._refuse(408, f"{detail}; send it again", "slow") from None

    def _count(self, size: int) -> None:
        self.size += size
        free = self._bodies.hold(size)
        if self.size > self._bodies.settings.body_bytes:
            raise self._too_large()
        if not free:
            raise self._refuse(503, "too many requests are being received; try again", "memory")

    def _too_large(self) -> Refusal:
        allowed = self._bodies.settings.body_mib
        return self._refuse(413, f"the body is larger than {allowed} MiB; send less", "large body")

    def _refuse(self, status: int, detail: str, reason: str) -> Refusal:
        self.refusal = Refusal(status, detail, reason)
        return self.refusal

    async def send(self, message: Message) -> None:
        """Pass a response on; with a body unread the connection ends after it."""
        if self.refusal is not None and not self._started:
            return  # the application's own words on what is refused here
        if message["type"] == "http.response.start":
            self._started = True
            if not self._whole:
                headers = [*message.get("headers", []), (b"connection", b"close")]
                message = {**message, "headers": headers}
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if last and not self._whole:
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def refuse(self, scope: Scope) -> None:
        """Send the refusal, unless a response has begun."""
        refusal, self.refusal = self.refusal, None
        if refusal is not None and not self._started:
            await refusal.response(scope["path"])(scope, self._receive, self.send)

    async def _linger(self) -> None:
        left = _LINGER_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while left > 0:
                    message = await self._receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    left -= len(message.get("body", b""))


_FRAMING = (b"content-length", b"transfer-encoding")
