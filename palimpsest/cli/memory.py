"""`palimpsest memory …`: lists, edits, deletes, exports and imports memories."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec

from palimpsest.cli.local_memories import LocalMemories, open_local_memories
from palimpsest.gateway.model import TENANT
from palimpsest.memory.erasure import MemoryErasure
from palimpsest.memory.jsonl import decode_lines, encode_line
from palimpsest.memory.model import Kind, Memory, MemoryFilter, PageMark
from palimpsest.memory.secrets import redact
from palimpsest.runtime.errors import BadRequest, NotFound
from palimpsest.runtime.settings import Settings

_PAGE = 500
_SHOWN = 88


async def memory_command(settings: Settings, given: argparse.Namespace) -> int:
    """Carry out one action; 1 when something that should be gone is still there, else 0."""
    async with open_local_memories(settings) as local:
        match given.action:
            case "list":
                found = await local.memories.list_page(
                    _which(given), words=given.contains, limit=max(1, given.limit)
                )
                _write("".join(f"{_summary(memory)}\n" for memory in found))
            case "show":
                _write_json(await _one(local, given.id))
            case "confirm":
                _write(f"{_summary(await local.memories.edit(given.id, confirmed=True))}\n")
            case "edit":
                _write(f"{_summary(await _edit(local, given))}\n")
            case "delete":
                which = _which(given, tuple(given.id) if given.id else None)
                return await _forget(local, which, everything=given.all)
            case "export":
                await _export(local, _which(given))
            case "import":
                await _import(local, given.file)
            case "reindex":
                await _reindex(settings, local)
            case "forget-project":
                await local.permission.opt_out_project(given.project)
                return await _forget(local, MemoryFilter(project=given.project))
            case _:
                await local.permission.opt_in_project(given.project)
    return 0


async def _one(local: LocalMemories, memory_id: str) -> Memory:
    found = await local.memories.get([memory_id])
    if not found:
        raise NotFound(f"there is no memory {memory_id}")
    return found[0]


async def _edit(local: LocalMemories, given: argparse.Namespace) -> Memory:
    if given.confidence is not None and not 0 <= given.confidence <= 1:
        raise BadRequest("confidence: between 0 and 1")
    if given.text is not None and not given.text.strip():
        raise BadRequest("text: it may not be empty; delete the memory instead")
    text = None if given.text is None else redact(given.text)
    return await local.memories.edit(given.id, text=text, confidence=given.confidence)


async def _forget(local: LocalMemories, which: MemoryFilter, *, everything: bool = False) -> int:
    forgetter = MemoryErasure(local.memories, local.erasure, TENANT)
    forgotten = await forgetter.erase(which, everything=everything)
    _write_json(forgotten.as_dict())
    return 1 if forgotten.remaining else 0


async def _export(local: LocalMemories, which: MemoryFilter) -> None:
    after: PageMark | None = None
    while page := await local.memories.list_page(which, limit=_PAGE, after=after):
        _write("".join(encode_line(memory).decode() for memory in page))
        after = PageMark(page[-1].said_at, page[-1].id)


async def _import(local: LocalMemories, file: Path) -> None:
    try:
        content = await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        raise BadRequest(f"{file}: {error.strerror}") from error
    given = decode_lines(content, TENANT)
    new = await local.memories.save(given, revive=True)
    _write(f"{len(given)} read, {new} new\n")


async def _reindex(settings: Settings, local: LocalMemories) -> None:
    """A server's collection is made anew, for the embedder that is set; the indexes of running
    processes take all memories in again."""
    if settings.qdrant_url:
        from palimpsest.memory.embedders import build_embedder
        from palimpsest.providers.route import route_of
        from palimpsest.store.vectors.qdrant import QdrantIndex, client_of

        route = route_of(settings)
        embeds = build_embedder(
            settings.embedder, settings.embedder_url, settings.embedder_key, route
        )
        client = client_of(settings.qdrant_url, route.options(settings.qdrant_url))
        index = QdrantIndex(client, embeds.name, embeds.dimension)
        try:
            await index.clear()
        finally:
            await index.close()
    count = await local.memories.mark_all_changed()
    _write(f"{count} memories are taken in again by each process that runs\n")


def _which(given: argparse.Namespace, ids: tuple[str, ...] | None = None) -> MemoryFilter:
    kind = Kind(given.kind) if given.kind else None
    return MemoryFilter(ids, kind, given.project, given.conversation, given.before)


def _summary(memory: Memory) -> str:
    """One line."""
    borne = "confirmed" if memory.confirmed else f"seen {memory.conversations}x"
    about = memory.role if memory.kind is Kind.TURN else f"{borne} {memory.confidence:.2f}"
    text = " ".join(memory.text.split())[:_SHOWN]
    return f"{memory.id}  {memory.said_at:%Y-%m-%d}  {memory.kind:<7}  {about}  {text}"


def _write_json(value: Any) -> None:
    _write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
