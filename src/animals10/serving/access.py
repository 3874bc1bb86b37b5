"""Who may use a server: all on this machine, elsewhere those who have its token."""

import hmac
import ipaddress
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from animals10.errors import UserError
from animals10.serving.refusals import Refusal
from animals10.serving.settings import TOKEN

# What an orchestrator asks, which has no token; it says nothing of the model or its users.
_OPEN = {"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"}


def require_private(host: str, token: str | None) -> None:
    """Refuse to serve other machines without a token.

    Raises:
        UserError: the host is not loopback, and there is no token.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and token is None:
        raise UserError(
            f"--host {host} lets other machines in, which needs a token: set {TOKEN}, as by "
            f"export {TOKEN}=$(python -c 'import secrets; print(secrets.token_hex())')"
        )


class Access:
    """An ASGI middleware that lets in who has the token, by `Authorization: Bearer`.

    Args:
        app: what handles the requests.
        token: None lets everyone in.
        refused: is called with each refusal.
    """

    def __init__(self, app: ASGIApp, token: str | None, refused: Callable[[Refusal], None]) -> None:
        self._app, self._refused = app, refused
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "lifespan" or self._token is None or scope["path"] in _OPEN:
            await self._app(scope, receive, send)
            return
        scheme, _, given = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._token):
            await self._app(scope, receive, send)
            return
        refusal = Refusal(401, "give the token: Authorization: Bearer TOKEN", "token")
        self._refused(refusal)
        await refusal.response(scope["path"])(scope, receive, send)
