"""Is it alive, is it ready, what does it count."""

import asyncio
from collections.abc import Awaitable

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.admission import admission_of
from api.process import process_of
from palimpsest.runtime.errors import PalimpsestError
from palimpsest.runtime.parts import Process

router = APIRouter()


@router.get("/healthz")
async def health() -> Response:
    """The process runs; says nothing of what it depends on."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """200 when every part answered a query just now, else 503; each part is named."""
    process = process_of(request)
    engine, database = await asyncio.gather(
        _check(process.starter.ping()), _check(process.stores.database.ping())
    )
    parts = {"engine": engine, "database": database, "worker": _worker(process)}
    if admission_of(request).draining:
        parts["admission"] = "draining"
    is_ready = all(state == "ok" for state in parts.values())
    return JSONResponse({"ready": is_ready, "parts": parts}, 200 if is_ready else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    return Response(process_of(request).metrics.render(), media_type="text/plain; version=0.0.4")


async def _check(ping: Awaitable[None]) -> str:
    try:
        await ping
    except PalimpsestError as error:
        return str(error)
    return "ok"


def _worker(process: Process) -> str:
    return "ok" if process.worker.is_running else "not running"
