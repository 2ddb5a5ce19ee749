"""`POST /v1/messages`: commit the request, start its workflow, hand on the answer."""

import asyncio
import shutil
import time
from pathlib import Path

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.admission import check_encoding
from api.answering import AnswerResponse
from api.proxy import Proxy, proxy_of
from api.request_id import request_id_of
from api.target import target_of
from context.view import RequestView, parse
from errors import DatabaseUnavailable, EngineUnavailable
from providers.exchange import Exchange
from providers.headers import recordable, recordable_target
from providers.settlement import TENANT
from store.requests import Accepted

router = APIRouter()
_INLINE_BYTES = 64 * 1024
_LITTLE_ROOM = 16 * 1024 * 1024
_log = structlog.stdlib.get_logger()


@router.post("/v1/messages")
async def create_message(request: Request) -> Response:
    """Answers as the provider does, byte for byte."""
    proxy = proxy_of(request)
    proxy.admission.check_open()
    check_encoding(request)
    body = await proxy.admission.body(request)
    exchange = Exchange(
        request_id=request_id_of(request.scope),
        view=await _view(body),
        target=target_of(request.scope),
        headers=tuple(request.scope["headers"]),
    )
    await _accept(proxy, exchange)
    proxy.exchanges.add(exchange)
    try:
        await proxy.starter.start(exchange.request_id, exchange.view.model)
    except EngineUnavailable as error:
        proxy.exchanges.forget(exchange.request_id)
        refusal = _explained(error, proxy.settings.data_dir)
        await _refuse(proxy, exchange.request_id, refusal)
        raise refusal from error
    return AnswerResponse(
        exchange,
        commit_after=proxy.settings.commit_after,
        ping_after=proxy.settings.ping_after,
        is_running=lambda: _is_running(proxy, exchange.request_id),
        on_left=lambda: proxy.departures.left(exchange),
        on_answered=lambda: proxy.departures.done(exchange),
    )


async def _is_running(proxy: Proxy, request_id: str) -> bool:
    running = await proxy.starter.is_running(request_id)
    if not running:
        try:
            reason = "an operator ended the workflow"
            await proxy.requests.fail(request_id, "cancelled", 503, reason)
        except DatabaseUnavailable as error:
            _log.warning("the workflow's end could not be recorded", reason=str(error))
    return running


async def _view(body: bytes) -> RequestView:
    if len(body) > _INLINE_BYTES:
        return await asyncio.to_thread(parse, body)
    return parse(body)


async def _accept(proxy: Proxy, exchange: Exchange) -> None:
    started = time.perf_counter()
    await proxy.requests.accept(
        Accepted(
            id=exchange.request_id,
            tenant=TENANT,
            target=recordable_target(exchange.target),
            headers=recordable(exchange.headers),
            view=exchange.view,
        )
    )
    exchange.accept_ms = (time.perf_counter() - started) * 1000


def _explained(error: EngineUnavailable, data_dir: Path) -> EngineUnavailable:
    """An embedded engine whose disk is full says that its shards are not there."""
    if shutil.disk_usage(data_dir).free < _LITTLE_ROOM:
        return EngineUnavailable(
            f"the disk that holds {data_dir} is full; free some room and send it again"
        )
    return error


async def _refuse(proxy: Proxy, request_id: str, error: EngineUnavailable) -> None:
    """The engine may have taken the request and only its answer was lost: the row that has ended
    keeps the workflow from calling the provider for nobody."""
    try:
        await proxy.requests.fail(request_id, "failed", error.status, str(error))
    except DatabaseUnavailable as again:
        _log.warning("the refusal could not be recorded", reason=str(again))
