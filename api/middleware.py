"""ASGI middleware around every route: request ids, and who may ask, with CORS for listed pages.

Every answer carries `x-palimpsest-request-id`; for a proxied request it is the workflow's id.
"""

import secrets
import time

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission import Admission
from api.errors import error_response
from palimpsest.providers.headers import value_of
from palimpsest.runtime.errors import Forbidden

HEADER = b"x-palimpsest-request-id"
_KEY = "palimpsest_request_id"


def new_request_id() -> str:
    """`req_` and 26 hex digits, which sort by time."""
    return f"req_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(7)}"


def request_id_of(scope: Scope) -> str:
    return str(scope[_KEY])


def show_request_id(scope: Scope, request_id: str) -> None:
    """A re-send is answered under the id of the request it repeats."""
    scope[_KEY] = request_id


class RequestIds:
    """ASGI middleware: names each request, binds the name to its log lines, shows it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        scope[_KEY] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = (HEADER, request_id_of(scope).encode())
                others = [pair for pair in message["headers"] if pair[0].lower() != HEADER]
                message["headers"] = [*others, own]
            await send(message)

        # Each request is a task of its own: what is bound here ends with it.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        await self._app(scope, receive, send_with_id)


class VisitorCheck:
    """ASGI middleware: refuses foreign pages and a `Host` that is not ours, answers preflights."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._visitors = admission.visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            origin = self._visitors.check(scope["headers"])
            asked = _asked_before(scope, origin)
        except Forbidden as error:
            response = error_response(error, request_id_of(scope))
            await response(scope, receive, send)
            return
        if origin is not None:
            send = _with_cors(send, origin)
        app = self._app if asked is None else Response(status_code=204, headers=asked)
        await app(scope, receive, send)


def _asked_before(scope: Scope, origin: str | None) -> dict[str, str] | None:
    """The answer to a preflight, which allows a listed page what it asks for; None where it is
    none. Raises Forbidden."""
    method = value_of(scope["headers"], b"access-control-request-method")
    if scope["method"] != "OPTIONS" or method is None:
        return None
    if origin is None:
        raise Forbidden("no page may use this proxy; see PALIMPSEST_ALLOWED_ORIGINS")
    wanted = value_of(scope["headers"], b"access-control-request-headers")
    private = value_of(scope["headers"], b"access-control-request-private-network")
    return {
        "access-control-allow-methods": method,
        "access-control-max-age": "600",
        **({"access-control-allow-headers": wanted} if wanted else {}),
        **({"access-control-allow-private-network": "true"} if private else {}),
    }


def _with_cors(send: Send, origin: str) -> Send:
    """Shows the answer to a page, by our words in place of the provider's."""
    ours = (
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", b"*"),
        (b"vary", b"origin"),
    )
    replaced = (ours[0][0], ours[1][0], b"access-control-allow-credentials")

    async def send_with_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            others = [pair for pair in message["headers"] if pair[0].lower() not in replaced]
            message["headers"] = [*others, *ours]
        await send(message)

    return send_with_cors
