"""`GET /v1/requests/{id}/stream`: an answer from where its reader stopped, event by event."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from api.proxy import Proxy, proxy_of
from context.sse import Event, SseParser
from errors import BadRequest, NotFound

router = APIRouter()


@router.get("/v1/requests/{request_id}/stream")
async def stream(request: Request, request_id: str) -> Response:
    """Events after `Last-Event-ID`, each with its number as `id`. Needs the local token."""
    proxy = proxy_of(request)
    proxy.admission.check_token(request)
    after = request.headers.get("last-event-id", "0")
    if not after.isdigit():
        raise BadRequest("Last-Event-ID must be the number of an event")
    chunks = await _chunks(proxy, request_id)
    return StreamingResponse(_numbered(chunks, int(after)), media_type="text/event-stream")


async def _chunks(proxy: Proxy, request_id: str) -> AsyncIterator[bytes]:
    """The live answer where it is under way here, else what is recorded of it."""
    exchange = proxy.exchanges.get(request_id)
    if exchange is not None:
        return _live(exchange.answer.read(None))
    try:
        _, content = await proxy.requests.response(request_id)
    except NotFound:
        content = await proxy.journal.content(request_id)
    return _once(content)


async def _live(chunks: AsyncIterator[bytes | None]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        if chunk is not None:
            yield chunk


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _numbered(chunks: AsyncIterator[bytes], after: int) -> AsyncIterator[bytes]:
    parser, number = SseParser(), 0
    async for chunk in chunks:
        for event in parser.feed(chunk):
            number += 1
            if number > after:
                yield _written(event, number)


def _written(event: Event, number: int) -> bytes:
    data = b"\n".join(b"data: " + line for line in event.data.split(b"\n"))
    return b"id: %d\nevent: %b\n%b\n\n" % (number, event.name, data)
