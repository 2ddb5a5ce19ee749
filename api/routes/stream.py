"""`GET /v1/requests/{id}/stream`: an answer from where its reader stopped, event by event."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from api.admission import admission_of
from api.errors import error_body, error_event
from api.process import process_of
from palimpsest.dialects.anthropic.sse import Event, SseParser
from palimpsest.exchanges.answer import Answer
from palimpsest.exchanges.model import Outcome, RequestRecord, RequestState
from palimpsest.exchanges.recorded_answer import recorded_headers
from palimpsest.providers.encodings import PIECE_BYTES, Decoder
from palimpsest.providers.headers import RawHeaders, value_of
from palimpsest.runtime.errors import BadRequest, PalimpsestError, StreamBroken
from palimpsest.runtime.foreign_values import parse_count
from palimpsest.runtime.parts import Process

router = APIRouter()

_MOST_OF_A_REFUSAL = 256 * 1024
_WHOLE = (Outcome.ANSWERED, Outcome.UPSTREAM_ERROR)


@router.get("/v1/requests/{request_id}/stream")
async def stream(request: Request, request_id: str) -> Response:
    """Events after `Last-Event-ID`, each with its number as `id`; an answer that broke off ends
    in an `error` event without one. Needs the local token."""
    process = process_of(request)
    admission_of(request).check_token(request)
    after = request.headers.get("last-event-id", "0")
    number = parse_count(after)
    if number is None:
        raise BadRequest("Last-Event-ID must be the number of an event")
    exchange = process.exchanges.get(request_id)
    record = await process.stores.requests.read_request(request_id)
    if not record.stream:
        raise BadRequest("this answer is no stream; read it at /v1/requests/{id}/response")
    events = _live(exchange.answer, request_id) if exchange else _recorded(process, record)
    return StreamingResponse(_after(events, number), media_type="text/event-stream")


async def _live(answer: Answer, request_id: str) -> AsyncIterator[Event | bytes]:
    """The answer that is under way here, as it comes."""
    await answer.wait_for_head(None)
    head = answer.head
    chunks = (chunk or b"" async for chunk in answer.read(None))
    async for event in _read(chunks, head.headers if head else (), head.status if head else 0):
        yield event
    if answer.error is not None:
        yield _error(answer.error, request_id)


async def _recorded(process: Process, record: RequestRecord) -> AsyncIterator[Event | bytes]:
    """What is on record of an answer; that of another process is told as far as it got."""
    if record.response is not None:
        content = (await process.stores.requests.read_answer(record.id)).content
    else:
        content = await process.stores.journal.read_content(record.id)
    refused = False
    headers, status = recorded_headers(record), record.status or 0
    async for event in _read(_cut(content), headers, status):
        refused = isinstance(event, bytes)
        yield event
    if refused:
        return
    if record.state == RequestState.ENDED and record.outcome not in _WHOLE:
        yield _error(StreamBroken(record.reason or "the answer broke off"), record.id)


async def _read(
    chunks: AsyncIterator[bytes], headers: RawHeaders, status: int
) -> AsyncIterator[Event | bytes]:
    """The events of an answer; of a refusal, one that says it. A piece at a time: an answer may be
    large, or become large, and others wait for the event loop."""
    parser, decoder = SseParser(), Decoder(value_of(headers, b"content-encoding"))
    refusal = bytearray()
    async for chunk in chunks:
        for plain in decoder.pieces(chunk):
            await asyncio.sleep(0)
            if status >= 400:
                refusal += plain[: _MOST_OF_A_REFUSAL - len(refusal)]
                continue
            for event in parser.feed(plain):
                yield event
    if refusal:
        yield error_event(bytes(refusal))


async def _cut(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), PIECE_BYTES):
        yield content[at : at + PIECE_BYTES]


def _error(error: PalimpsestError, request_id: str) -> bytes:
    return error_event(error_body(error, request_id))


async def _after(events: AsyncIterator[Event | bytes], after: int) -> AsyncIterator[bytes]:
    number = 0
    async for event in events:
        if isinstance(event, bytes):
            yield event
            continue
        number += 1
        if number > after:
            yield _written(event, number)


def _written(event: Event, number: int) -> bytes:
    data = b"\n".join(b"data: " + line for line in event.data.split(b"\n"))
    return b"id: %d\nevent: %b\n%b\n\n" % (number, event.name, data)
