"""Keeping what was learned: what says the same as something known bears that out, and what another
conversation said word for word bears nothing out."""

from collections.abc import Mapping, Sequence

from palimpsest.learning.candidate import CORRECTION_TRIGGER, say_the_same
from palimpsest.memory.model import (
    Fix,
    Kind,
    Memory,
    memory_id,
)
from palimpsest.store.postgres.memories import MemoryStore

_ALIKE = 10


class Deduplicator:
    """Of one tenant's memories."""

    def __init__(self, memories: MemoryStore) -> None:
        self._memories = memories

    async def save(self, learned: Memory) -> str | None:
        """The id of what was known and says the same; None if there is none and it is saved."""
        for known in await self._find_similar(learned):
            if known.id == learned.id or say_the_same(known.detail, learned.detail):
                await self._memories.see(known.id, learned.conversation)
                return known.id
        await self._memories.save([learned])
        return None

    async def drop_repeated(
        self, learned: Sequence[Memory], chains: Mapping[int, bytes]
    ) -> list[Memory]:
        """Without what a turn taught that is kept of another conversation: one that was imported,
        or goes on from it. ``chains``: the lineage through each position."""
        turns = {one.id: _turn_id(one, chains[one.position]) for one in learned}
        known = await self._memories.get(list(set(turns.values())))
        elsewhere = {turn.id: turn.conversation for turn in known}
        return [
            one
            for one in learned
            if elsewhere.get(turns[one.id], one.conversation) == one.conversation
        ]

    async def _find_similar(self, learned: Memory) -> list[Memory]:
        if isinstance(learned.detail, Fix):
            return await self._memories.fixes(learned.detail.signature, learned.project)
        if learned.detail and learned.detail.trigger == CORRECTION_TRIGGER:
            return await self._memories.matching(
                learned.text, kind=Kind.PATTERN, project=learned.project, limit=_ALIKE
            )
        return await self._memories.get([learned.id])


def _turn_id(learned: Memory, chain: bytes) -> str:
    """The first part of the turn that taught it."""
    return memory_id(learned.tenant, learned.project, Kind.TURN, chain.hex(), "0")
