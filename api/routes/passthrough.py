"""Paths that are not ours go to the provider and back as they are, without a workflow."""

from collections.abc import AsyncIterator

import httpx
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from api.admission import target_of
from api.event_stream import EventStream
from api.process import process_of
from palimpsest.exchanges.answer import AnswerHead
from palimpsest.providers.encodings import ask_for_identity
from palimpsest.providers.headers import RawHeaders
from palimpsest.providers.upstream import response_headers
from palimpsest.runtime.errors import NotFound, UpstreamUnreachable
from palimpsest.runtime.parts import Process

router = APIRouter()

_OURS = frozenset(("requests", "conversations", "memory", "stats"))
_LISTED_BY_NAME_ONLY = frozenset(("requests", "conversations"))
_PROBES = frozenset(("healthz", "readyz", "metrics"))


@router.head("/")
async def is_there() -> Response:
    """Claude Code asks whether its base URL answers."""
    return Response()


async def pass_through(request: Request) -> Response:
    """Any other path with any method, `/v1/messages/count_tokens` and `/v1/models` among them."""
    process = process_of(request)
    if is_ours(request.scope["path"]):
        raise NotFound(f"{request.method} {request.scope['path']} is nothing that is served here")
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    body = request.stream() if has_body else b""
    headers: RawHeaders = tuple(request.scope["headers"])
    target = target_of(request.scope)
    try:
        return await forward_unmanaged(process, request.method, target, headers, body)
    except ClientDisconnect:
        # It left in the middle of its body; nobody reads this.
        return Response(status_code=400)


def is_ours(path: str) -> bool:
    """Whether a path lies below one of our own: what is not there is nowhere. Another method at a
    route of ours may be the provider's."""
    first, *rest = path.strip("/").split("/")
    if first == "v1" and rest:
        return rest[0] in _OURS and (len(rest) > 1 or rest[0] in _LISTED_BY_NAME_ONLY)
    return first in _PROBES and bool(rest)


async def forward_unmanaged(
    process: Process,
    method: str,
    target: bytes,
    headers: RawHeaders,
    body: bytes | AsyncIterator[bytes],
    *,
    why: str = "path",
    stream: str | None = None,
) -> Response:
    """One request to the provider, and its answer as it comes; ``why`` there is no workflow.
    ``stream``: the id of one that asks for a message's events."""
    process.metrics.unmanaged.labels(why).inc()
    if stream:
        headers = ask_for_identity(headers)
    upstream = await process.upstream.send(method, target, headers, body)
    head, content = AnswerHead(upstream.status_code, response_headers(upstream)), _chunks(upstream)
    if stream and (events := EventStream(head)).is_readable:
        head, content = events.head, events.read(process, upstream, stream)
    response = StreamingResponse(content, status_code=head.status)
    response.raw_headers = list(head.headers)
    return response


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx.TransportError as error:
        raise UpstreamUnreachable(f"the provider's answer broke off: {error}") from error
    finally:
        await response.aclose()
