"""Conversations: found by lineage, the longest known chain names them.

What was sent for a head goes on to be sent: the epoch of the deepest known head applies, and only
one that was begun after it takes its place.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import text

from palimpsest.conversations.model import ConversationRecord, Place
from palimpsest.exchanges.model import TurnRecord
from palimpsest.store.postgres.database import Database, Row

# The next turn of a conversation nearly always extends a head that is a few messages back.
_RECENT = 64


class ConversationStore:
    """Reads what earlier requests left; they write it when they settle."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def find_place(self, chain: Sequence[bytes]) -> Place:
        """Find the place of a history; looks at the newest positions first, and at all others only
        when no head is among those."""
        newest = await self._among(chain[-_RECENT:])
        if newest["conversation_id"] is not None or len(chain) <= _RECENT:
            return _place(newest)
        older = _place(await self._among(chain[:-_RECENT]))
        return Place(
            older.conversation_id,
            older.turn,
            older.token_ratio,
            older.idle,
            newest["begun"] or older.applied,
            newest["begun_observed"] or older.observed,
        )

    async def find_session_place(self, session: bytes) -> Place:
        """Find the place of the newest answer of a client's session."""
        rows = await self._database.run(_SESSION_PLACE, {"session": session})
        return Place(**rows[0]) if rows else Place()

    async def find_session_project(self, session: bytes) -> str:
        """Find the project of the newest answer of a client's session; empty when there is none."""
        rows = await self._database.run(_SESSION_PROJECT, {"session": session})
        return rows[0]["project"] if rows else ""

    async def find_conversation(self, conversation: str) -> ConversationRecord | None:
        """None also for one whose first answer is still to come."""
        rows = await self._database.run(_CONVERSATION, {"id": conversation})
        return msgspec.convert(rows[0], ConversationRecord) if rows else None

    async def list_turns(self, conversation: str) -> list[TurnRecord]:
        """Its requests, oldest first, without their content."""
        rows = await self._database.run(_TURNS, {"id": conversation})
        return [msgspec.convert(row, TurnRecord) for row in rows]

    async def _among(self, chain: Sequence[bytes]) -> Row:
        [row] = await self._database.run(_PLACE, {"chain": list(chain), "tenant": self._tenant})
        return row


def _place(row: Row) -> Place:
    return Place(
        row["conversation_id"],
        row["turn"] or 0,
        row["token_ratio"],
        row["idle"],
        row["begun"] or row["applied_epoch"],
        row["begun_observed"] or row["observed_epoch"],
    )


_PLACE = text("""
WITH head AS (
    SELECT h.conversation_id, h.turn, h.depth, h.applied_epoch, h.observed_epoch, c.token_ratio,
           CAST(EXTRACT(epoch FROM now() - c.updated_at) AS float) AS idle
    FROM heads h JOIN conversations c ON c.id = h.conversation_id
    WHERE h.chain = ANY(CAST(:chain AS bytea[]))
    ORDER BY h.depth DESC LIMIT 1
), begun AS (
    SELECT chain, mode, depth FROM epochs
    WHERE tenant = :tenant AND chain = ANY(CAST(:chain AS bytea[]))
        AND depth > COALESCE((SELECT depth FROM head), 0)
)
SELECT head.*,
       (SELECT chain FROM begun WHERE mode = 'on' ORDER BY depth DESC LIMIT 1) AS begun,
       (SELECT chain FROM begun WHERE mode = 'observe' ORDER BY depth DESC LIMIT 1)
           AS begun_observed
FROM (VALUES (1)) AS one LEFT JOIN head ON true
""")
_SESSION_PLACE = text("""
SELECT h.conversation_id, h.turn, c.token_ratio,
       CAST(EXTRACT(epoch FROM now() - c.updated_at) AS float) AS idle
FROM heads h JOIN conversations c ON c.id = h.conversation_id
WHERE h.session = :session
ORDER BY h.created_at DESC LIMIT 1
""")
_SESSION_PROJECT = text("""
SELECT c.project FROM heads h JOIN conversations c ON c.id = h.conversation_id
WHERE h.session = :session ORDER BY h.created_at DESC LIMIT 1
""")
_CONVERSATION = text("SELECT * FROM conversations WHERE id = :id")
_TURNS = text("""
SELECT id, turn, state, outcome, model, accepted_at, message_count, context_mode, applied_epoch,
       observed_epoch, original_tokens, context_tokens, input_tokens, output_tokens,
       cache_read_tokens, cache_write_tokens
FROM requests WHERE conversation_id = :id ORDER BY accepted_at, id
""")
