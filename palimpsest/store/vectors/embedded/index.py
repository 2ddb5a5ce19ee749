"""The embedded vector index: a child of this process with a directory of its own.

A child that died, or did not answer, is replaced at the next call; what does not open, or brings
its process down again and again, is set aside and fills itself anew from Postgres.
"""

import asyncio
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import structlog

from palimpsest.memory.model import Cursor
from palimpsest.runtime.errors import IndexUnavailable
from palimpsest.store.vectors.embedded import calls
from palimpsest.store.vectors.embedded.build import EmbeddedCopy, copied
from palimpsest.store.vectors.embedded.child import EmbeddedChild, Refused, Silent
from palimpsest.store.vectors.embedded.slots import forget_unused
from palimpsest.store.vectors.model import (
    Candidates,
    CatchingUp,
    IndexStep,
    SearchFilter,
    Sparse,
    Vector,
)
from palimpsest.store.vectors.points import GRAPH_FROM, made_by

_OPEN_SECONDS = 60.0
_CALL_SECONDS = 30.0
_TROUBLES = 3
_TROUBLES_SECONDS = 60.0
_RESTART_SECONDS = 1.0

_log = structlog.stdlib.get_logger()


class EmbeddedIndex:
    """``vectors`` names what makes the vectors; an index that another made begins anew. A call
    that takes longer than ``patience`` seconds costs the child its life."""

    def __init__(
        self, root: Path, vectors: str, dimension: int, patience: float = _CALL_SECONDS
    ) -> None:
        self._root = root
        self._vectors = made_by(vectors)
        self._dimension = dimension
        self._patience = patience
        self._start: asyncio.Task[EmbeddedChild] | None = None
        self._closed = False
        self._writes = asyncio.Lock()
        self._started_at = float("-inf")
        self._troubles: deque[float] = deque(maxlen=_TROUBLES)
        self._remainder = 0

    async def find(
        self, vector: Vector, words: Sparse, where: SearchFilter, limit: int
    ) -> Candidates:
        answer = await self._ask(calls.Find(calls.float32(vector), words, where, limit))
        ids = [one.id for one in answer.found]
        return Candidates(
            dict(zip(ids, answer.found, strict=True)),
            {ids[at]: score for at, score in answer.near},
            {ids[at]: score for at, score in answer.matching},
        )

    async def count(self, where: SearchFilter) -> int:
        return (await self._ask(calls.Count(where))).count

    async def cursor(self) -> Cursor:
        return (await self._state(calls.Look())).cursor

    async def write(self, step: IndexStep) -> None:
        async with self._writes:
            await self._ask(calls.writing(step))
        if step.forgotten:
            await asyncio.to_thread(forget_unused, self._root)

    async def clear(self) -> None:
        async with self._writes:
            await self._state(calls.Clear())

    async def rebuild(self, caught_up: CatchingUp) -> bool:
        state = await self._state(calls.Look())
        if state.loose - self._remainder < GRAPH_FROM:
            return False
        async with self._writes:
            await self._state(calls.Flush())
            directory = await asyncio.to_thread(copied, Path(state.generation))
        async with EmbeddedCopy.built(directory, self._dimension) as copy, caught_up(copy):
            await copy.finish()
            if (await self._state(calls.Look())).generation != state.generation:
                raise IndexUnavailable("the index began anew while its graph was built")
            copy.keep()
            self._remainder = (await self._state(calls.Switch(str(directory)))).loose
        return True

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
        except Refused:
            raise
        except IndexUnavailable:
            self._troubles.append(time.monotonic())
            if self._is_hopeless():
                await child.kill()
            raise

    async def _running(self) -> EmbeddedChild:
        """One start serves all who wait for it, and goes on when they do not any more."""
        if self._closed:
            raise IndexUnavailable("the index is closed")
        if self._start is None or (self._start.done() and not _is_alive(self._start)):
            if time.monotonic() - self._started_at < _RESTART_SECONDS:
                raise IndexUnavailable("the index has ended; it starts again in a moment")
            self._started_at = time.monotonic()
            self._start = asyncio.create_task(self._started())
        return await asyncio.shield(self._start)

    async def _started(self) -> EmbeddedChild:
        arguments = [str(self._dimension), "--root", str(self._root), "--vectors", self._vectors]
        if self._is_hopeless():
            self._troubles.clear()
            arguments.append("--anew")
        try:
            child, state = await EmbeddedChild.start(arguments, _OPEN_SECONDS)
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


def _is_alive(start: "asyncio.Task[EmbeddedChild]") -> bool:
    return not start.cancelled() and start.exception() is None and start.result().alive
