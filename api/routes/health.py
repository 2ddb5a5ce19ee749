"""Is it alive, is it ready, what does it count."""

import asyncio
from collections.abc import Awaitable

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.proxy import Proxy, proxy_of
from palimpsest.runtime.errors import PalimpsestError

router = APIRouter()


@router.get("/healthz")
async def health() -> Response:
    """The process runs; says nothing of what it depends on."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """200 when every part answered a query just now, else 503; each part is named."""
    proxy = proxy_of(request)
    engine, database = await asyncio.gather(
        _check(proxy.starter.ping()), _check(proxy.database.ping())
    )
    parts = {"engine": engine, "database": database, "worker": _worker(proxy)}
    if proxy.admission.draining:
        parts["admission"] = "draining"
    is_ready = all(state == "ok" for state in parts.values())
    return JSONResponse({"ready": is_ready, "parts": parts}, 200 if is_ready else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    return Response(proxy_of(request).metrics.render(), media_type="text/plain; version=0.0.4")


async def _check(ping: Awaitable[None]) -> str:
    try:
        await ping
    except PalimpsestError as error:
        return str(error)
    return "ok"


def _worker(proxy: Proxy) -> str:
    return "ok" if proxy.worker.is_running else "not running"
