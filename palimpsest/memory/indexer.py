"""Updates the vector index from the memories in Postgres, in a loop."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Protocol

import structlog

from palimpsest.memory import bm25
from palimpsest.memory.embedding import Embedder
from palimpsest.memory.model import Cursor, Memory, MemoryChanges
from palimpsest.runtime.errors import DatabaseUnavailable, EmbedderUnavailable, IndexUnavailable
from palimpsest.store.vectors.model import (
    CatchingUp,
    Entry,
    IndexFollower,
    IndexStep,
    Sparse,
    VectorIndex,
)

EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 5.0
"""The longest wait after a failure."""
_BUILD_EVERY = 20_000
"""Memories between two builds of the graph during a long update; until a build the engine keeps
them in memory."""
_BUILD_AGAIN_SECONDS = 300.0
_LOOK_SECONDS = 0.05
_AT_ONCE = 128
"""Memories that are written in one step; queries wait meanwhile."""

_Unavailable = (DatabaseUnavailable, EmbedderUnavailable, IndexUnavailable)
_log = structlog.stdlib.get_logger()


class ChangeSource(Protocol):
    async def read_changes(self, cursor: Cursor, limit: int) -> MemoryChanges: ...

    async def read_newest_cursor(self) -> Cursor: ...


class Indexer:
    """Updates one index.

    ``is_writer``: whether this process writes to the index, where several share one.
    ``entries_written``: the number of entries written.
    ``failures``: the number of failed updates.
    """

    def __init__(
        self,
        memories: ChangeSource,
        index: VectorIndex,
        embedder: Embedder,
        is_writer: Callable[[], Awaitable[bool]] | None = None,
        build_every: int = _BUILD_EVERY,
    ) -> None:
        self._memories = memories
        self._index = index
        self._embedder = embedder
        self._is_writer = is_writer
        self._build_every = build_every
        self._writing = asyncio.Lock()
        self._woken = asyncio.Event()
        self._building: asyncio.Task[None] | None = None
        self._build_after = 0.0
        self._up_to_date = monotonic()
        self.entries_written = 0
        self.failures = 0

    @property
    def lag_seconds(self) -> float:
        """Seconds since the index had all memories."""
        return monotonic() - self._up_to_date

    def wake(self) -> None:
        """Updates at once, since there are new memories."""
        self._woken.set()

    async def run(self) -> None:
        """Updates for ever, once a second."""
        try:
            while True:
                await self._update_until_current()
                await self._rest(EVERY_SECONDS)
        finally:
            if self._building:
                self._building.cancel()

    async def catch_up(self, patience: float) -> bool:
        """Updates the index; whether within ``patience`` seconds it has all memories of now, and
        none that was deleted."""
        try:
            async with asyncio.timeout(patience):
                newest = await self._memories.read_newest_cursor()
                while not (await self._update() and await self._index.cursor() >= newest):
                    await self._rest(_LOOK_SECONDS)
        except (TimeoutError, *_Unavailable):
            return False
        return True

    async def _update(self) -> bool:
        if await self._may_write():
            async with self._writing:
                await self._follow(self._index)
            return True
        cursor = await self._index.cursor()
        return (await self._memories.read_changes(cursor, 1)).cursor == cursor

    async def _update_until_current(self) -> None:
        """Retries until the index has everything, or another process is its writer."""
        wait, reason = EVERY_SECONDS, ""
        while True:
            try:
                if await self._update():
                    self._up_to_date = monotonic()
                break
            except _Unavailable as error:
                self.failures += 1
                if str(error) != reason:
                    _log.warning("the index waits", reason=str(error))
                wait, reason = min(2 * wait, _PATIENCE_SECONDS), str(error)
                await asyncio.sleep(wait)
        if not self._building or self._building.done():
            self._building = asyncio.create_task(self._build(self.pause_writes))

    async def _may_write(self) -> bool:
        return self._is_writer is None or await self._is_writer()

    async def _build(self, caught_up: CatchingUp) -> None:
        try:
            if monotonic() >= self._build_after and await self._may_write():
                await self._index.rebuild(caught_up)
        except _Unavailable as error:
            self.failures += 1
            self._build_after = monotonic() + _BUILD_AGAIN_SECONDS
            _log.warning("the index's graph was not built", reason=str(error))

    @asynccontextmanager
    async def pause_writes(self, copy: IndexFollower) -> AsyncGenerator[None]:
        """Brings a copy of the index up to date, and writes nothing while this is entered."""
        async with self._writing:
            await self._follow(copy)
            yield

    async def _follow(self, follower: IndexFollower) -> None:
        """Writes steps until nothing is new. During a long update graphs are built too, less and
        less often."""
        cursor = await follower.cursor()
        taken = built = 0
        while True:
            changes = await self._memories.read_changes(cursor, _AT_ONCE)
            if changes.cursor == cursor:
                return
            entries = await self._entries(changes.memories)
            await follower.write(IndexStep(entries, changes.forgotten, cursor, changes.cursor))
            cursor = changes.cursor
            self.entries_written += len(entries)
            taken += len(entries)
            if follower is self._index and taken - built >= max(self._build_every, built // 2):
                built = taken
                await self._build(_nothing_missing)

    async def _entries(self, memories: list[Memory]) -> list[Entry]:
        texts = [memory.text for memory in memories]
        dense = await self._embedder.embed(texts)
        sparse = await asyncio.to_thread(_documents, texts)
        return [Entry(*each) for each in zip(memories, dense, sparse, strict=True)]

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()


@asynccontextmanager
async def _nothing_missing(_copy: IndexFollower) -> AsyncGenerator[None]:
    """For a build that the writer itself waits for, so that nothing is written meanwhile."""
    yield


def _documents(texts: list[str]) -> list[Sparse]:
    return [bm25.document_weights(text) for text in texts]
