"""The embedded vector index: a child of this process with a directory of its own.

A child that died, or did not answer, is replaced at the next call; what does not open, or brings
its process down again and again, is set aside and fills itself anew from Postgres.
"""

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import structlog

from errors import IndexUnavailable
from store import edge_calls as calls
from store.edge_child import EdgeChild, Silent
from store.edge_slots import forget_unused, new_generation
from store.index_points import GRAPH_FROM, payload_of, point_id
from store.vectors import Cursor, Entry, Follower, Found, Sparse, Vector, Where

_OPEN_SECONDS = 60.0
_CALL_SECONDS = 30.0
_BUILD_SECONDS = 3600.0
_AT_ONCE = 64
"""Points that are written in one call: a query waits for no more than these."""

_TROUBLES = 3
_TROUBLES_SECONDS = 60.0
_RESTART_SECONDS = 1.0

_log = structlog.stdlib.get_logger()


class EdgeIndex:
    """``vectors`` names what makes the vectors; an index that another made begins anew. A call
    that takes longer than ``patience`` seconds costs the child its life."""

    def __init__(
        self, root: Path, vectors: str, dimension: int, patience: float = _CALL_SECONDS
    ) -> None:
        self._root = root
        self._vectors = vectors
        self._dimension = dimension
        self._patience = patience
        self._start: asyncio.Task[EdgeChild] | None = None
        self._closed = False
        self._started_at = float("-inf")
        self._troubles: deque[float] = deque(maxlen=_TROUBLES)
        self._remainder = 0

    async def near(self, vector: Vector, where: Where, limit: int) -> list[Found]:
        call = calls.Near(_bytes(vector), where, limit)
        return (await self._ask(call)).found

    async def matching(self, words: Sparse, where: Where, limit: int) -> list[Found]:
        return (await self._ask(calls.Matching(words, where, limit))).found

    async def count(self, where: Where) -> int:
        return (await self._ask(calls.Count(where))).count

    async def upsert(self, entries: Sequence[Entry]) -> None:
        for call in upserts(entries):
            await self._ask(call)

    async def delete(self, ids: Sequence[str]) -> None:
        if ids:
            await self._ask(deletion(ids))
            await asyncio.to_thread(forget_unused, self._root)

    async def cursor(self) -> Cursor:
        return (await self._state(calls.Look())).cursor

    async def advance(self, cursor: Cursor) -> None:
        await self._state(calls.Flush(cursor))

    async def clear(self) -> None:
        await self._state(calls.Clear())

    async def rebuilt(self) -> Follower | None:
        state = await self._state(calls.Look())
        if state.loose - self._remainder < GRAPH_FROM:
            return None
        began = time.monotonic()
        await self._state(calls.Flush())
        source = Path(state.generation)
        directory = await asyncio.to_thread(_copied, source)
        arguments = (str(self._dimension), "--generation", str(directory))
        child, _ = await EdgeChild.start(arguments, _OPEN_SECONDS)
        try:
            state = await child.state(calls.Optimise(), _BUILD_SECONDS)
        except BaseException:
            await child.kill()
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
            raise
        self._remainder = state.loose
        _log.info("index built", points=state.points, seconds=round(time.monotonic() - began, 1))
        return _Copy(child, source, directory)

    async def adopt(self, copy: Follower) -> None:
        assert isinstance(copy, _Copy)
        await copy.child.close()
        state = await self._state(calls.Look())
        if state.generation != str(copy.source):
            # The index began anew while the copy was made.
            await asyncio.to_thread(shutil.rmtree, copy.directory, ignore_errors=True)
            return
        await self._state(calls.Switch(str(copy.directory)))

    async def close(self) -> None:
        self._closed = True
        if self._start:
            self._start.cancel()
            with suppress(asyncio.CancelledError, IndexUnavailable):
                await (await self._start).close()

    async def _state(self, call: calls.Call) -> calls.State:
        answer = await self._ask(call)
        assert answer.state is not None
        return answer.state

    async def _ask(self, call: calls.Call) -> calls.Answer:
        child = await self._running()
        try:
            return await child.ask(call, self._patience)
        except Silent:
            await child.kill()
            raise
        except IndexUnavailable:
            self._troubles.append(time.monotonic())
            if self._is_hopeless():
                await child.kill()
            raise

    async def _running(self) -> EdgeChild:
        """One start serves all who wait for it, and goes on when they do not any more."""
        if self._closed:
            raise IndexUnavailable("the index is closed")
        if self._start is None or (self._start.done() and not _is_alive(self._start)):
            if time.monotonic() - self._started_at < _RESTART_SECONDS:
                raise IndexUnavailable("the index has ended; it starts again in a moment")
            self._started_at = time.monotonic()
            self._start = asyncio.create_task(self._started())
        return await asyncio.shield(self._start)

    async def _started(self) -> EdgeChild:
        arguments = [str(self._dimension), "--root", str(self._root), "--vectors", self._vectors]
        if self._is_hopeless():
            self._troubles.clear()
            arguments.append("--anew")
        try:
            child, state = await EdgeChild.start(arguments, _OPEN_SECONDS)
        except IndexUnavailable:
            self._troubles.append(time.monotonic())
            raise
        self._remainder = 0
        if state.set_aside:
            _log.warning("the index was set aside and fills itself anew", reason=state.set_aside)
        return child

    def _is_hopeless(self) -> bool:
        since = time.monotonic() - _TROUBLES_SECONDS
        return len(self._troubles) == _TROUBLES and self._troubles[0] > since


class _Copy:
    """A generation that is not in use yet."""

    def __init__(self, child: EdgeChild, source: Path, directory: Path) -> None:
        self.child = child
        self.source = source
        self.directory = directory

    async def upsert(self, entries: Sequence[Entry]) -> None:
        for call in upserts(entries):
            await self.child.ask(call, _CALL_SECONDS)

    async def delete(self, ids: Sequence[str]) -> None:
        await self.child.ask(deletion(ids), _CALL_SECONDS)

    async def cursor(self) -> Cursor:
        return (await self.child.state(calls.Look(), _CALL_SECONDS)).cursor

    async def advance(self, cursor: Cursor) -> None:
        await self.child.state(calls.Flush(cursor), _CALL_SECONDS)


def upserts(entries: Sequence[Entry]) -> Iterator[calls.Upsert]:
    for at in range(0, len(entries), _AT_ONCE):
        yield calls.Upsert([_point(entry) for entry in entries[at : at + _AT_ONCE]])


def deletion(ids: Sequence[str]) -> calls.Delete:
    return calls.Delete([point_id(one) for one in ids])


def _point(entry: Entry) -> calls.Point:
    memory = entry.memory
    return calls.Point(point_id(memory.id), _bytes(entry.dense), entry.sparse, payload_of(memory))


def _bytes(vector: Vector) -> bytes:
    return np.ascontiguousarray(vector, np.float32).tobytes()


def _is_alive(start: "asyncio.Task[EdgeChild]") -> bool:
    return not start.cancelled() and start.exception() is None and start.result().alive


def _copied(source: Path) -> Path:
    directory = new_generation(source.parent)
    shutil.copytree(source, directory, dirs_exist_ok=True)
    return directory
