"""Paths that are not ours go to the provider and back as they are, without a workflow."""

from collections.abc import AsyncIterator

import httpx
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from api.admission import admission_of, target_of
from api.process import process_of
from palimpsest.providers.headers import RawHeaders
from palimpsest.providers.upstream import response_headers
from palimpsest.runtime.errors import UpstreamUnreachable
from palimpsest.runtime.parts import Process

router = APIRouter()


@router.head("/")
async def is_there() -> Response:
    """Claude Code asks whether its base URL answers."""
    return Response()


async def pass_through(request: Request) -> Response:
    """Any other path with any method, `/v1/messages/count_tokens` and `/v1/models` among them."""
    process = process_of(request)
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    body = await admission_of(request).read_body(request) if has_body else b""
    headers: RawHeaders = tuple(request.scope["headers"])
    return await forward_unmanaged(process, request.method, target_of(request.scope), headers, body)


async def forward_unmanaged(
    process: Process,
    method: str,
    target: bytes,
    headers: RawHeaders,
    body: bytes,
    *,
    why: str = "path",
) -> Response:
    """One request to the provider, and its answer as it comes; ``why`` there is no workflow."""
    process.metrics.unmanaged.labels(why).inc()
    upstream = await process.upstream.send(method, target, headers, body)
    response = StreamingResponse(_chunks(upstream), status_code=upstream.status_code)
    response.raw_headers = list(response_headers(upstream))
    return response


async def _chunks(upstream: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in upstream.aiter_raw():
            yield chunk
    except httpx.TransportError as error:
        raise UpstreamUnreachable(f"the provider's answer broke off: {error}") from error
    finally:
        await upstream.aclose()
