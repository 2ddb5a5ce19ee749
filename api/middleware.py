"""ASGI middleware around every route: request ids, and the check of the `Host` header.

Every answer carries `x-palimpsest-request-id`; for a proxied request it is the workflow's id.
"""

import secrets
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission import Admission
from api.errors import error_response
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


class HostCheck:
    """ASGI middleware: refuses a `Host` that is not ours, against DNS rebinding."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._admission.check_host(scope)
            except Forbidden as error:
                response = error_response(error, request_id_of(scope))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
