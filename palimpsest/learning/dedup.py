"""Saves lessons without duplicates: a lesson that a memory teaches already confirms that memory.

A message that is archived of another conversation, word for word, confirms nothing.
"""

from collections.abc import Mapping, Sequence

from palimpsest.gateway.model import EVERYONE
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
    """Saves lessons among one tenant's memories."""

    def __init__(self, memories: MemoryStore) -> None:
        self._memories = memories

    async def save(self, learned: Memory) -> str | None:
        """Saves a lesson and returns None; where a memory teaches the same, confirms that one and
        returns its id."""
        for known in await self._find_similar(learned):
            if known.id == learned.id or say_the_same(known.detail, learned.detail):
                await self._memories.record_sighting(known.id, learned.conversation)
                return known.id
        await self._memories.save([learned])
        return None

    async def drop_repeated(
        self, learned: Sequence[Memory], chains: Mapping[int, bytes]
    ) -> list[Memory]:
        """Drops lessons from messages that are archived of another conversation: an imported one,
        or one that this goes on from. ``chains``: the lineage hash through each position."""
        turns = {one.id: _turn_ids(one, chains[one.position]) for one in learned}
        archived = await self._memories.get(list(set[str]().union(*turns.values())))
        elsewhere = {turn.id: turn.conversation for turn in archived}

        def is_new(one: Memory) -> bool:
            at = {elsewhere.get(turn, one.conversation) for turn in turns[one.id]}
            return at == {one.conversation}

        return [one for one in learned if is_new(one)]

    async def _find_similar(self, learned: Memory) -> list[Memory]:
        if isinstance(learned.detail, Fix):
            return await self._memories.find_fixes(
                learned.detail.signature, learned.project, caller=learned.caller
            )
        if learned.detail and learned.detail.trigger == CORRECTION_TRIGGER:
            return await self._memories.find_by_words(
                learned.text,
                kind=Kind.PATTERN,
                project=learned.project,
                limit=_ALIKE,
                caller=learned.caller,
            )
        return await self._memories.get([learned.id])


def _turn_ids(learned: Memory, chain: bytes) -> set[str]:
    """The ids of the first part of the message that taught it: the caller's, and that of an
    import."""
    turn = (learned.tenant, learned.project, Kind.TURN, chain.hex(), "0")
    return {memory_id(*turn, caller=caller) for caller in (learned.caller, EVERYONE)}
