"""Conversations: found by lineage, the longest known chain names them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from store.database import Database

# The next turn of a conversation nearly always extends a head that is a few messages back.
_RECENT = 24


@dataclass(frozen=True, slots=True)
class Head:
    """The point up to which a conversation is known."""

    conversation_id: str
    turn: int
    depth: int
    token_ratio: float | None


class ConversationStore:
    """Reads what earlier requests left; they write it when they settle."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def longest(self, chain: Sequence[bytes]) -> Head | None:
        """The longest known prefix of a chain; looks at the newest positions first."""
        return await self._among(chain[-_RECENT:]) or await self._among(chain[:-_RECENT])

    async def _among(self, chain: Sequence[bytes]) -> Head | None:
        if not chain:
            return None
        rows = await self._database.run(_LONGEST, {"chain": list(chain)})
        return Head(**rows[0]) if rows else None


_LONGEST = text("""
SELECT h.conversation_id, h.turn, h.depth, c.token_ratio
FROM heads h JOIN conversations c ON c.id = h.conversation_id
WHERE h.chain = ANY(CAST(:chain AS bytea[]))
ORDER BY h.depth DESC LIMIT 1
""")
