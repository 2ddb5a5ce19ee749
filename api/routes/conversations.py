"""What became of a conversation: its turns and epochs for everybody here, for the token's holder
what the client sent beside what the model saw."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, Response

from api.admission import admission_of
from api.process import process_of
from api.serializers import (
    plain,
    reasons,
    shown_context,
    shown_epoch,
)
from palimpsest.context.model import Epoch
from palimpsest.context.render import apply_epoch
from palimpsest.dialects.registry import DEFAULT
from palimpsest.exchanges.model import TurnRecord
from palimpsest.exchanges.registry import read_body
from palimpsest.runtime.errors import NotFound
from palimpsest.runtime.offload import off_the_loop
from palimpsest.runtime.parts import Process

router = APIRouter(prefix="/v1/conversations/{conversation_id}")

Turn = Annotated[str | None, Query(pattern=r"^(\d{1,9}|req_\w+)$")]
"""A turn's number, of which the newest request counts, or a request's id; by default the newest."""


@router.get("")
async def show(request: Request, conversation_id: str) -> Response:
    """Turns, epochs, decisions with their reasons, token counts; no content."""
    process = process_of(request)
    turns = await _turns(process, conversation_id)
    found = await process.stores.conversations.find_conversation(conversation_id)
    epochs = await process.stores.epochs.list_epochs(conversation_id)
    return JSONResponse(
        plain(
            {
                "id": conversation_id,
                "token_ratio": found.token_ratio if found else None,
                "turns": [_shown_turn(turn) for turn in turns],
                "epochs": [shown_epoch(epoch) for epoch in epochs],
            }
        )
    )


@router.get("/diff")
async def diff(request: Request, conversation_id: str, turn: Turn = None) -> Response:
    """Each message as the client sent it, beside what the model saw of it, or would have seen
    where that was only observed. Needs the local token."""
    process = process_of(request)
    admission_of(request).check_token(request)
    row = await _request(process, conversation_id, turn)
    name, kind = row.applied_epoch, "on"
    if name is None:
        name, kind = row.observed_epoch, "observe"
    epoch = (
        await process.stores.epochs.get(name, "on" if kind == "on" else "observe") if name else None
    )
    body = await read_body(process.stores.requests, row.id)
    content = await off_the_loop(len(body), _diff, body, epoch, _shown_turn(row))
    return Response(content, media_type="application/json")


@router.get("/messages/{position}")
async def message(
    request: Request,
    conversation_id: str,
    position: Annotated[int, Path(ge=0, lt=2**31 - 1)],
    turn: Turn = None,
) -> Response:
    """One message as the client sent it, also one that was cut. Needs the local token."""
    process = process_of(request)
    admission_of(request).check_token(request)
    row = await _request(process, conversation_id, turn)
    content = await process.stores.requests.read_message(row.id, position)
    return Response(content, media_type="application/json")


async def _turns(process: Process, conversation_id: str) -> list[TurnRecord]:
    turns = await process.stores.conversations.list_turns(conversation_id)
    if not turns:
        raise NotFound(f"there is no conversation {conversation_id}")
    return turns


async def _request(process: Process, conversation_id: str, turn: str | None) -> TurnRecord:
    turns = await _turns(process, conversation_id)
    found = [row for row in turns if turn in (None, str(row.turn), row.id)]
    if not found:
        raise NotFound(f"conversation {conversation_id} has no turn {turn}")
    return found[-1]


def _shown_turn(turn: TurnRecord) -> dict[str, Any]:
    tokens = ("input", "output", "cache_read", "cache_write")
    return {
        "request": turn.id,
        "turn": turn.turn,
        "state": turn.state,
        "outcome": turn.outcome,
        "model": turn.model,
        "accepted_at": turn.accepted_at,
        "messages": turn.message_count,
        "context": shown_context(turn),
        "tokens": {name: getattr(turn, f"{name}_tokens") for name in tokens},
    }


def _diff(body: bytes, epoch: Epoch | None, about: dict[str, Any]) -> bytes:
    """``change`` is `same`, `edited` or `dropped`; what is the same is shown once."""
    view = DEFAULT.parse(body)
    decisions = {decision.position: decision for decision in epoch.changes()} if epoch else {}
    why = reasons(epoch) if epoch else {}
    seen = iter(apply_epoch(view, epoch))
    rows: list[dict[str, Any]] = []
    for position, sent in enumerate(view.messages):
        decision = decisions.get(position)
        row: dict[str, Any] = {"position": position, "client": msgspec.Raw(sent)}
        if decision is None:
            next(seen)
            row["change"] = "same"
        else:
            model = None if decision.drop else msgspec.Raw(next(seen))
            change = "dropped" if decision.drop else "edited"
            row |= {"change": change, "reasons": why[position], "model": model}
        rows.append(row)
    return msgspec.json.encode({**about, "messages": rows})
