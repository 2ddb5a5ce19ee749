"""Memories over HTTP: lists, reads, imports, edits, exports and deletes them for the token's
holder."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from api.admission import admission_of
from api.process import process_of
from palimpsest.gateway.model import TENANT
from palimpsest.memory.erasure import MemoryErasure
from palimpsest.memory.jsonl import decode_lines, encode_line, redact_detail
from palimpsest.memory.model import (
    Fix,
    Kind,
    Memory,
    MemoryFilter,
    PageMark,
    Pattern,
)
from palimpsest.memory.secrets import redact
from palimpsest.runtime.errors import BadRequest, NotFound
from palimpsest.runtime.offload import off_the_loop
from palimpsest.runtime.parts import Process
from palimpsest.store.postgres.erasure import Erasure
from palimpsest.store.postgres.memories import MemoryStore

router = APIRouter(prefix="/v1/memory")

_PAGE = 500


class Patch(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    text: str | None = None
    detail: Pattern | Fix | None = None
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    confirmed: bool | None = None


def holder_of(request: Request) -> Process:
    """The process, for the token's holder alone."""
    process = process_of(request)
    admission_of(request).check_token(request)
    return process


def which_of(
    kind: Kind | None = None,
    project: str | None = None,
    conversation: str | None = None,
    before: datetime | None = None,
    id: Annotated[list[str] | None, Query()] = None,  # noqa: A002
) -> MemoryFilter:
    """The filters of a query string; a time without a zone is UTC."""
    if before:
        before = _in_utc(before)
    return MemoryFilter(tuple(id) if id else None, kind, project, conversation, before)


Holder = Annotated[Process, Depends(holder_of)]
Chosen = Annotated[MemoryFilter, Depends(which_of)]


@router.get("")
async def show(
    process: Holder,
    which: Chosen,
    contains: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: str | None = None,
) -> Response:
    """Memories, newest first; `next` of a page is `after` of the one that follows. Needs the local
    token."""
    found = await process.memory.store.list_page(
        which, words=contains, limit=limit, after=_mark(after) if after else None
    )
    following = _told(found[-1]) if len(found) == limit else None
    return _json({"memories": found, "next": following})


@router.get("/export")
async def export(process: Holder, which: Chosen) -> Response:
    """All memories, as lines of JSON. Needs the local token."""
    # A filter that nothing can match is refused before the answer begins.
    first = await process.memory.store.list_page(which, limit=_PAGE)
    lines = _lines(process.memory.store, which, first)
    return StreamingResponse(lines, media_type="application/x-ndjson")


@router.get("/{memory_id}")
async def show_one(process: Holder, memory_id: str) -> Response:
    """One memory. Needs the local token."""
    found = await process.memory.store.get([memory_id])
    if not found:
        raise NotFound(f"there is no memory {memory_id}")
    return _json(found[0])


@router.post("")
async def put_in(request: Request, process: Holder) -> Response:
    """Imports lines of JSON as the export has them: all, or none if one is wrong. A deleted memory
    comes back. Needs the local token."""
    body = await admission_of(request).read_body(request)
    given = await off_the_loop(len(body), decode_lines, body, TENANT)
    new = await process.memory.store.save(given, revive=True)
    process.memory.indexer.wake()
    return JSONResponse({"read": len(given), "new": new})


@router.patch("/{memory_id}")
async def edit(request: Request, process: Holder, memory_id: str) -> Response:
    """Edits `text`, `detail`, `confidence` or `confirmed`. Needs the local token."""
    try:
        patch = msgspec.json.decode(await admission_of(request).read_body(request), type=Patch)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadRequest(str(error)) from error
    if patch.text is not None and not patch.text.strip():
        raise BadRequest("text: it may not be empty; delete the memory instead")
    await _check_detail(process, memory_id, patch)
    edited = await process.memory.store.edit(
        memory_id,
        text=None if patch.text is None else redact(patch.text),
        detail=redact_detail(patch.detail),
        confidence=patch.confidence,
        confirmed=patch.confirmed,
    )
    process.memory.indexer.wake()
    return _json(edited)


@router.delete("")
async def delete(
    process: Holder,
    which: Chosen,
    all: bool = False,  # noqa: A002
) -> Response:
    """Deletes memories by at least one filter, or with `all=true`. Without `kind` and `id` also
    what was captured of the conversations; `remaining` is what was found when all was looked for
    again. Needs the local token."""
    memory = process.memory
    erasure = Erasure(process.stores.database, TENANT)
    eraser = MemoryErasure(memory.store, erasure, TENANT, memory.index, memory.indexer)
    report = await eraser.erase(which, everything=all)
    return JSONResponse(report.as_dict())


async def _check_detail(process: Process, memory_id: str, patch: Patch) -> None:
    if patch.detail is None:
        return
    found = await process.memory.store.get([memory_id])
    kind = Kind.FIX if isinstance(patch.detail, Fix) else Kind.PATTERN
    if found and found[0].kind is not kind:
        raise BadRequest(f"detail: {memory_id} is a {found[0].kind}, not a {kind}")


async def _lines(
    store: MemoryStore, which: MemoryFilter, page: Sequence[Memory]
) -> AsyncIterator[bytes]:
    """``page``: the first one."""
    while page:
        yield b"".join(encode_line(memory) for memory in page)
        after = PageMark(page[-1].said_at, page[-1].id)
        page = await store.list_page(which, limit=_PAGE, after=after)


def _told(memory: Memory) -> str:
    return f"{memory.said_at.isoformat()}~{memory.id}"


def _mark(told: str) -> PageMark:
    time, _, memory_id = told.partition("~")
    try:
        return PageMark(_in_utc(datetime.fromisoformat(time.replace(" ", "+"))), memory_id)
    except ValueError as error:
        raise BadRequest("after: not what a page gave as `next`") from error


def _in_utc(time: datetime) -> datetime:
    """Without a zone it is UTC."""
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError as error:
        raise BadRequest(f"{time} is no time that can be stored") from error


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
