"""The ASGI application: routes, error translation, request ids."""

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import request_response
from starlette.types import ASGIApp

from api.admission import Admission
from api.errors import error_response
from api.middleware import RequestIds, VisitorCheck, request_id_of
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
from palimpsest.runtime.errors import BadRequest, PalimpsestError, unforeseen
from palimpsest.runtime.parts import Process

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


def build_app(process: Process, admission: Admission) -> ASGIApp:
    """The application of one proxy process; ``admission`` is its door."""
    app = FastAPI(title="Palimpsest", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.process = process
    app.state.admission = admission
    process.metrics.waiting.set_function(lambda: admission.room.waiting)
    for module in _ROUTES:
        app.include_router(module.router)
    app.mount("/", request_response(passthrough.pass_through))

    async def translate(request: Request, error: Exception) -> Response:
        known = _known(error)
        process.metrics.refused.labels(str(known.status)).inc()
        if known.status >= 500:
            _log.warning("refused", status=known.status, reason=str(known))
        return error_response(known, request_id_of(request.scope))

    app.add_exception_handler(PalimpsestError, translate)
    app.add_exception_handler(RequestValidationError, translate)
    app.add_exception_handler(ClientDisconnect, translate)
    app.add_exception_handler(Exception, translate)
    return RequestIds(VisitorCheck(app, admission))


def _known(error: Exception) -> PalimpsestError:
    if isinstance(error, RequestValidationError):
        return BadRequest("; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in error.errors()))
    if isinstance(error, ClientDisconnect):
        _log.info("a client left before its request was whole")
        return BadRequest("the request is not whole")
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, PalimpsestError):
        # It came in mid-answer; the connection that is cut tells the client.
        return error.__cause__
    return error if isinstance(error, PalimpsestError) else _unforeseen(error)


def _unforeseen(error: Exception) -> PalimpsestError:
    _log.error("a bug", exc_info=error)
    return unforeseen(error)
