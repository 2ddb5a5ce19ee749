"""What became of a request: its state for everybody here, its content for the token's holder."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.admission import admission_of
from api.process import process_of
from api.serializers import plain, shown_context
from palimpsest.context.model import Epoch
from palimpsest.conversations.rendered import Rendered, render
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.runtime.errors import Expired
from palimpsest.store.postgres.database import Row

router = APIRouter(prefix="/v1/requests/{request_id}")


@router.get("")
async def show(request: Request, request_id: str) -> Response:
    """State, phases with their times in ms, attempts, tokens; no content."""
    process = process_of(request)
    row = await process.stores.requests.row(request_id)
    attempts = await process.stores.requests.attempts(request_id)
    return JSONResponse(plain({**_summary(row, attempts), "context": shown_context(row)}))


@router.get("/request")
async def body(request: Request, request_id: str) -> Response:
    """The request's body as it came. Needs the local token."""
    process = process_of(request)
    admission_of(request).check_token(request)
    return Response(await process.stores.requests.body(request_id), media_type="application/json")


@router.get("/sent")
async def sent(request: Request, request_id: str) -> Response:
    """The body as it went to the provider, from the ledger. Needs the local token."""
    process = process_of(request)
    admission_of(request).check_token(request)
    row = await process.stores.requests.row(request_id)
    content = await process.stores.requests.body(request_id)
    if row["applied_epoch"] is not None:
        epoch = await process.stores.epochs.get(row["applied_epoch"], "on")
        if epoch is None:
            raise Expired(f"what {request_id} was sent by was kept no longer")
        content = (await asyncio.to_thread(_rendered, content, epoch)).body
    return Response(content, media_type="application/json")


@router.get("/response")
async def answer(request: Request, request_id: str) -> Response:
    """The answer's bytes as the provider sent them. Needs the local token."""
    process = process_of(request)
    admission_of(request).check_token(request)
    row, content = await process.stores.requests.response(request_id)
    recorded = {name.lower(): value for name, value in row["response_headers"] or ()}
    kept = ("content-type", "content-encoding")
    return Response(content, headers={name: recorded[name] for name in kept if name in recorded})


def _rendered(body: bytes, epoch: Epoch) -> Rendered:
    return render(parse(body), epoch)


def _summary(row: Row, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    first_byte = ("upstream_first_byte_ms", "first_byte_ms", "total_ms", "overhead_ms")
    return {
        "id": row["id"],
        "state": row["state"],
        "outcome": row["outcome"],
        "reason": row["reason"],
        "conversation": row["conversation_id"],
        "turn": row["turn"],
        "model": row["model"],
        "stream": row["stream"],
        "status": row["status"],
        "stop_reason": row["stop_reason"],
        "accepted_at": row["accepted_at"],
        "ended_at": row["ended_at"],
        "phases": {name: row[f"{name}_ms"] for name in ("accept", "query", "rewrite")},
        "times": {name: row[name] for name in first_byte},
        "tokens": {
            "counted": row["counted_tokens"],
            "input": row["input_tokens"],
            "output": row["output_tokens"],
            "cache_read": row["cache_read_tokens"],
            "cache_write": row["cache_write_tokens"],
            "estimated": row["usage_estimated"],
        },
        "delivered_at": _past(row["delivered_at"]),
        "bytes": {"request": row["body_bytes"], "response": row["response_bytes"]},
        "messages": row["message_count"],
        "attempts": attempts,
    }


def _past(time: datetime | None) -> datetime | None:
    """One that lies ahead says until when a delivery is in doubt."""
    return time if time and time <= datetime.now(UTC) else None
