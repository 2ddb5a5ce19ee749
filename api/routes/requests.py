"""What became of a request: its state for everybody here, its content for the token's holder."""

import asyncio
import dataclasses
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.admission import admission_of
from api.process import process_of
from api.serializers import plain, shown_context
from palimpsest.context.model import Epoch
from palimpsest.conversations.rendered import Rendered, render
from palimpsest.dialects.registry import DEFAULT
from palimpsest.exchanges.model import RequestRecord
from palimpsest.exchanges.registry import read_body
from palimpsest.forwarding.model import AttemptRecord
from palimpsest.runtime.errors import Expired

router = APIRouter(prefix="/v1/requests/{request_id}")


@router.get("")
async def show(request: Request, request_id: str) -> Response:
    """State, phases with their times in ms, attempts, tokens; no content."""
    process = process_of(request)
    record = await process.stores.requests.read_request(request_id)
    attempts = await process.stores.requests.read_attempts(request_id)
    return JSONResponse(plain({**_summary(record, attempts), "context": shown_context(record)}))


@router.get("/request")
async def body(request: Request, request_id: str) -> Response:
    """The request's body as it came. Needs the local token."""
    process = process_of(request)
    admission_of(request).check_token(request)
    return Response(
        await read_body(process.stores.requests, request_id), media_type="application/json"
    )


@router.get("/sent")
async def sent(request: Request, request_id: str) -> Response:
    """The body as it went to the provider, by its recorded epoch. Needs the local token."""
    process = process_of(request)
    admission_of(request).check_token(request)
    record = await process.stores.requests.read_request(request_id)
    content = await read_body(process.stores.requests, request_id)
    if record.applied_epoch is not None:
        epoch = await process.stores.epochs.get(record.applied_epoch, "on")
        if epoch is None:
            raise Expired(f"what {request_id} was sent by was kept no longer")
        content = (await asyncio.to_thread(_rendered, content, epoch)).body
    return Response(content, media_type="application/json")


@router.get("/response")
async def answer(request: Request, request_id: str) -> Response:
    """The answer's bytes as the provider sent them. Needs the local token."""
    process = process_of(request)
    admission_of(request).check_token(request)
    found = await process.stores.requests.read_answer(request_id)
    recorded = {name.lower(): value for name, value in found.request.response_headers or ()}
    kept = ("content-type", "content-encoding")
    return Response(
        found.content, headers={name: recorded[name] for name in kept if name in recorded}
    )


def _rendered(body: bytes, epoch: Epoch) -> Rendered:
    return render(DEFAULT.parse(body), epoch)


def _summary(record: RequestRecord, attempts: list[AttemptRecord]) -> dict[str, Any]:
    first_byte = ("upstream_first_byte_ms", "first_byte_ms", "total_ms", "overhead_ms")
    return {
        "id": record.id,
        "state": record.state,
        "outcome": record.outcome,
        "reason": record.reason,
        "conversation": record.conversation_id,
        "caller": record.caller or None,
        "turn": record.turn,
        "model": record.model,
        "stream": record.stream,
        "status": record.status,
        "stop_reason": record.stop_reason,
        "accepted_at": record.accepted_at,
        "ended_at": record.ended_at,
        "phases": {name: getattr(record, f"{name}_ms") for name in ("accept", "query", "rewrite")},
        "times": {name: getattr(record, name) for name in first_byte},
        "tokens": {
            "counted": record.counted_tokens,
            "input": record.input_tokens,
            "output": record.output_tokens,
            "cache_read": record.cache_read_tokens,
            "cache_write": record.cache_write_tokens,
            "estimated": record.usage_estimated,
        },
        "delivered_at": _past(record.delivered_at),
        "bytes": {"request": record.body_bytes, "response": record.response_bytes},
        "messages": record.message_count,
        "attempts": [dataclasses.asdict(attempt) for attempt in attempts],
    }


def _past(time: datetime | None) -> datetime | None:
    """One that lies ahead says until when a delivery is in doubt."""
    return time if time and time <= datetime.now(UTC) else None
