"""Forgetting for good, on a person's word: memories, what was captured, the index; with proof."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from errors import BadRequest, IndexUnavailable
from intelligence.indexer import Indexer
from store.erasure import Erased, Erasure
from store.memories import MemoryStore, Which
from store.vectors import VectorIndex, Where

_PATIENCE_SECONDS = 10.0
_ROUNDS = 3
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went, and what was found when all was looked for again. ``index`` is None where the
    index did not answer, or is another process's."""

    memories: int
    captured: Erased
    left_memories: int
    left_captured: int
    left_index: int | None

    @property
    def remaining(self) -> int:
        return self.left_memories + self.left_captured + (self.left_index or 0)

    def told(self) -> dict[str, Any]:
        """For people and programs."""
        return {
            "deleted": {"memories": self.memories, **asdict(self.captured)},
            "remaining": self.remaining,
            "checked": {
                "memories": self.left_memories,
                "captured": self.left_captured,
                "index": self.left_index,
            },
        }


class Forgetter:
    """Without an index it forgets in Postgres, and the indexes of running processes follow."""

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

    async def forget(self, which: Which, *, everything: bool = False) -> Forgotten:
        """By kind or id memories alone; else also what was captured of the conversations."""
        if which.is_everything and not everything:
            raise BadRequest("say what to forget, or that all is meant")
        captured = _means_captured(which)
        # First what is learned from, then what was.
        erased = await self._erasure.erase(which) if captured else Erased()
        gone: list[str] = []
        for _ in range(_ROUNDS):
            found = await self._memories.forget(which, everything=everything)
            gone += found
            if not found:
                break
        return Forgotten(
            len(gone),
            erased,
            await self._memories.count(which),
            await self._erasure.remaining(which) if captured else 0,
            await self._left_in_index(which),
        )

    async def _left_in_index(self, which: Which) -> int | None:
        if self._index is None or self._indexer is None:
            return None
        if not await self._indexer.caught_up(_PATIENCE_SECONDS):
            return None
        if which.ids == ():
            return 0
        try:
            return await self._index.count(_where(self._tenant, which))
        except IndexUnavailable:
            return None


def _means_captured(which: Which) -> bool:
    return which.kind is None and which.ids is None


def _where(tenant: str, which: Which) -> Where:
    return Where(
        tenant,
        projects=() if which.project is None else (which.project,),
        conversation=which.conversation or "",
        kinds=() if which.kind is None else (which.kind,),
        until=which.before - _MICROSECOND if which.before else None,
        ids=which.ids or (),
    )
