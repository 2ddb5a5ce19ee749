"""Erases memories, captured requests and index entries for good, on a person's order, and checks
that they are gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from palimpsest.memory.indexer import Indexer
from palimpsest.memory.model import MemoryFilter
from palimpsest.runtime.errors import BadRequest, IndexUnavailable
from palimpsest.store.postgres.erasure import Erasure, ErasureCounts
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.vectors.model import SearchFilter, VectorIndex

_INDEX_WAIT_SECONDS = 10.0
_ROUNDS = 3
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """What was erased, and what was still there afterwards.

    ``memories``: the number of erased memories.
    ``captured``: the numbers of erased requests and the like.
    ``left_memories``, ``left_captured``: what a second search found.
    ``left_index``: the same of the index; None where it did not answer, or is another process's.
    """

    memories: int
    captured: ErasureCounts
    left_memories: int
    left_captured: int
    left_index: int | None

    @property
    def remaining(self) -> int:
        return self.left_memories + self.left_captured + (self.left_index or 0)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON for people and programs."""
        return {
            "deleted": {"memories": self.memories, **self.captured.counts()},
            "remaining": self.remaining,
            "checked": {
                "memories": self.left_memories,
                "captured": self.left_captured,
                "index": self.left_index,
            },
        }


class MemoryErasure:
    """Erases one tenant's memories. Without an index it erases in Postgres alone, and the indexes
    of running processes follow."""

    def __init__(
        self,
        memories: MemoryStore,
        erasure: Erasure,
        tenant: str,
        index: VectorIndex | None = None,
        indexer: Indexer | None = None,
    ) -> None:
        self._memories = memories
        self._erasure = erasure
        self._tenant = tenant
        self._index = index
        self._indexer = indexer

    async def erase(self, which: MemoryFilter, *, everything: bool = False) -> ErasureReport:
        """Erases the chosen memories; unless they are chosen by kind or id, also what was captured
        of their conversations. Raises BadRequest where all are chosen without ``everything``."""
        if which.is_everything and not everything:
            raise BadRequest("say what to forget, or that all is meant")
        captured = _means_captured(which)
        # First what memories are made of, then the memories.
        erased = await self._erasure.erase(which) if captured else ErasureCounts()
        # Memories of sub-agents are under conversations of their own.
        all_of = [
            which,
            *(MemoryFilter(conversation=each, before=which.before) for each in erased.beside),
        ]
        gone = sum([await self._forget(one, everything=everything) for one in all_of])
        return ErasureReport(
            gone,
            erased,
            sum([await self._memories.count(one) for one in all_of]),
            await self._erasure.count_remaining(which, erased.sessions) if captured else 0,
            await self._left_in_index(all_of),
        )

    async def _forget(self, which: MemoryFilter, *, everything: bool) -> int:
        """Repeats until nothing is found, since more may be written meanwhile; the number
        erased."""
        gone = 0
        for _ in range(_ROUNDS):
            found = await self._memories.forget(which, everything=everything)
            gone += len(found)
            if not found:
                break
        return gone

    async def _left_in_index(self, all_of: Sequence[MemoryFilter]) -> int | None:
        if self._index is None or self._indexer is None:
            return None
        if not await self._indexer.catch_up(_INDEX_WAIT_SECONDS):
            return None
        wheres = [_where(self._tenant, one) for one in all_of if one.ids != ()]
        try:
            return sum([await self._index.count(where) for where in wheres])
        except IndexUnavailable:
            return None


def _means_captured(which: MemoryFilter) -> bool:
    return which.kind is None and which.ids is None


def _where(tenant: str, which: MemoryFilter) -> SearchFilter:
    return SearchFilter(
        tenant,
        projects=() if which.project is None else (which.project,),
        conversation=which.conversation or "",
        kinds=() if which.kind is None else (which.kind,),
        until=which.before - _MICROSECOND if which.before else None,
        ids=which.ids or (),
    )
