"""The ASGI application: routes, error translation, request ids."""

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response
from starlette.routing import request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import error_response
from api.middleware import RequestIds, request_id_of
from api.proxy import Proxy
from api.routes import (
    conversations,
    count_tokens,
    health,
    memory,
    messages,
    passthrough,
    requests,
    stats,
    stream,
)
from palimpsest.runtime.errors import BadRequest, Forbidden, PalimpsestError

_ROUTES = (
    messages,
    count_tokens,
    stream,
    requests,
    conversations,
    memory,
    stats,
    health,
    passthrough,
)

_log = structlog.stdlib.get_logger()


def build_app(proxy: Proxy) -> ASGIApp:
    """The application of one proxy process."""
    app = FastAPI(title="Palimpsest", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.proxy = proxy
    for module in _ROUTES:
        app.include_router(module.router)
    app.mount("/", request_response(passthrough.pass_through))

    async def translate(request: Request, error: Exception) -> Response:
        known = _known(error)
        proxy.metrics.refused.labels(str(known.status)).inc()
        if known.status >= 500:
            _log.warning("refused", status=known.status, reason=str(known))
        return error_response(known, request_id_of(request.scope))

    app.add_exception_handler(PalimpsestError, translate)
    app.add_exception_handler(RequestValidationError, translate)
    app.add_exception_handler(Exception, translate)
    return RequestIds(_HostCheck(app, proxy))


def _known(error: Exception) -> PalimpsestError:
    if isinstance(error, RequestValidationError):
        return BadRequest("; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in error.errors()))
    return error if isinstance(error, PalimpsestError) else _unforeseen(error)


def _unforeseen(error: Exception) -> PalimpsestError:
    _log.error("a bug", exc_info=error)
    return PalimpsestError("the proxy failed in a way nobody foresaw; its log says how")


class _HostCheck:
    """ASGI middleware in front of every route."""

    def __init__(self, app: ASGIApp, proxy: Proxy) -> None:
        self._app = app
        self._proxy = proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._proxy.admission.check_host(scope)
            except Forbidden as error:
                response = error_response(error, request_id_of(scope))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
