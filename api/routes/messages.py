"""`POST /v1/messages`: commit the request, start its workflow, hand on the answer."""

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.admission import check_encoding
from api.connection import connection_of
from api.middleware import request_id_of, show_request_id
from api.outage import explained, unmanaged
from api.proxy import Proxy, proxy_of
from api.streaming import AnswerResponse
from api.target import target_of
from palimpsest.context.options import check_treatment
from palimpsest.dialects.anthropic.view import parse
from palimpsest.exchanges.end_poller import look
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.idempotency import claim
from palimpsest.exchanges.model import Outcome
from palimpsest.exchanges.retry_unavailable import patiently
from palimpsest.runtime.errors import (
    DatabaseUnavailable,
    EngineUnavailable,
    PalimpsestError,
    Unavailable,
)
from palimpsest.runtime.offload import off_the_loop

router = APIRouter()
_log = structlog.stdlib.get_logger()


async def create_message(request: Request) -> Response:
    """Answers as the provider does, byte for byte."""
    proxy = proxy_of(request)
    proxy.admission.check_open()
    check_encoding(request)
    headers = tuple(request.scope["headers"])
    check_treatment(headers)
    body = await proxy.admission.body(request)
    exchange = Exchange(
        request_id=request_id_of(request.scope),
        view=await off_the_loop(len(body), parse, body),
        target=target_of(request.scope),
        headers=headers,
    )
    try:
        carried = await _carry(proxy, exchange)
    except Unavailable as error:
        return await unmanaged(proxy, exchange, error)
    show_request_id(request.scope, carried.request_id)
    connection = connection_of(request.scope)
    return AnswerResponse(
        carried,
        commit_after=proxy.settings.commit_after,
        ping_after=proxy.settings.ping_after,
        look=lambda: look(proxy, carried),
        on_left=lambda: proxy.departures.left(carried),
        on_answered=lambda: proxy.departures.answered(carried, connection),
    )


# A plain route: what FastAPI adds to one (parameters, models, dependencies) has its price, and
# this is the one that every request takes.
router.add_route("/v1/messages", create_message, methods=["POST"])


async def _carry(proxy: Proxy, exchange: Exchange) -> Exchange:
    """Commit the request and start its workflow, or join the one it repeats. The exchange is
    known here before it is committed, so that a re-send finds it at once."""
    exchange.clients = 1
    proxy.exchanges.add(exchange)
    try:
        timeout = proxy.settings.engine_timeout
        carried = await patiently(timeout, lambda: claim(proxy, exchange))
        if carried is exchange:
            if proxy.following:
                proxy.following.follow(exchange.request_id, exchange.answer)
            proxy.placing.begin(exchange)
            await _start(proxy, exchange)
    except PalimpsestError as error:
        known = explained(error, proxy.settings.data_dir)
        exchange.answer.fail(known)
        proxy.exchanges.forget(exchange.request_id)
        await _refuse(proxy, exchange.request_id, known)
        raise known from error
    if carried is not exchange:
        proxy.exchanges.forget(exchange.request_id)
        carried.clients += 1
    return carried


async def _start(proxy: Proxy, exchange: Exchange) -> None:
    """Start its workflow. A start whose answer is lost may have been taken all the same: a call
    that has begun is not cut, and one that has not is not made any more."""
    request_id = exchange.request_id
    try:
        await proxy.starter.start(request_id, exchange.view.model)
    except EngineUnavailable as error:
        if await proxy.requests.fail(request_id, Outcome.FAILED, error.status, str(error), fence=0):
            raise
        _log.info("the engine has taken it", reason=str(error))


async def _refuse(proxy: Proxy, request_id: str, error: PalimpsestError) -> None:
    """Engine or database may have taken the request and only the answer was lost: the row that has
    ended keeps everybody from calling the provider for nobody."""
    try:
        if not isinstance(error, DatabaseUnavailable):
            await proxy.requests.fail(request_id, Outcome.FAILED, error.status, str(error))
            return
    except DatabaseUnavailable as again:
        _log.warning("the refusal waits to be recorded", reason=str(again))
    proxy.departures.refused(request_id, error.status, str(error))
