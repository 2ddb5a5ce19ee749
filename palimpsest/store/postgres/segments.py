"""The segments of histories: which are finished and not yet learned from.

A segment ends where an epoch cut, where the client's own compaction left a line behind, or where a
conversation came to rest. What was learned from is marked under the chain hashes of all heads up
to its end, so that a fork is learned from only where it is new.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from palimpsest.learning.model import Segment, SpeechTime
from palimpsest.store.postgres.database import Database

_STATEMENT_SECONDS = 60.0


class SegmentStore:
    """The segments of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def find_cut(self, limit: int = 20) -> list[Segment]:
        """What epochs of the last day cut, newest first: one that cannot be learned from shall not
        keep others waiting."""
        values = {"tenant": self._tenant, "limit": limit}
        return [Segment(**row) for row in await self._database.run(_CUT, values)]

    async def find_left(self, limit: int = 20) -> list[Segment]:
        """Lines that conversations of the last hour have left for one less than half as long."""
        values = {"tenant": self._tenant, "limit": limit}
        rows = await self._database.run(_LEFT, values, timeout=_STATEMENT_SECONDS)
        return [Segment(**row) for row in rows]

    async def find_rested(self, idle: float, since: datetime, limit: int = 20) -> list[Segment]:
        """The deepest line of each conversation that has rested for ``idle`` seconds, and was
        active after ``since``."""
        values = {"tenant": self._tenant, "idle": idle, "since": since, "limit": limit}
        rows = await self._database.run(_RESTED, values, timeout=_STATEMENT_SECONDS)
        return [Segment(**row) for row in rows]

    async def count_learned(self, chain: Sequence[bytes]) -> int:
        """How many messages of a history were learned from."""
        [row] = await self._database.run(_LEARNED, {"chain": list(chain)})
        return int(row["depth"])

    async def read_speech_times(self, chain: Sequence[bytes]) -> list[SpeechTime]:
        """When a history was said, as far as its heads tell; depths ascend."""
        rows = await self._database.run(_SPOKEN, {"chain": list(chain)})
        return [SpeechTime(**row) for row in rows]

    async def mark_learned(self, segment: Segment, chain: Sequence[bytes] = ()) -> None:
        """It was learned from, with all heads in its history; may be repeated."""
        values = {
            "chain": segment.chain,
            "conversation": segment.conversation_id,
            "depth": segment.depth,
            "before": list(chain),
        }
        await self._database.run(_MARK, values)


_CUT = text("""
SELECT e.chain, e.conversation_id, e.request_id, e.depth
FROM epochs e
WHERE e.tenant = :tenant AND e.mode = 'on' AND e.cause <> 'recall'
    AND e.created_at > now() - interval '1 day'
    AND NOT EXISTS (SELECT FROM segments s WHERE s.chain = e.chain)
    AND EXISTS (SELECT FROM requests r WHERE r.id = e.request_id)
ORDER BY e.created_at DESC LIMIT :limit
""")
# A side line, of a title or the like, has no session.
_LEFT = text("""
SELECT d.chain, c.id AS conversation_id, d.request_id, d.depth
FROM conversations c
CROSS JOIN LATERAL (
    SELECT depth, created_at FROM heads
    WHERE conversation_id = c.id AND session IS NOT NULL ORDER BY created_at DESC LIMIT 1
) newest
CROSS JOIN LATERAL (
    SELECT chain, request_id, depth, created_at FROM heads
    WHERE conversation_id = c.id AND session IS NOT NULL ORDER BY depth DESC LIMIT 1
) d
WHERE c.tenant = :tenant AND c.updated_at > now() - interval '1 hour'
    AND newest.created_at > d.created_at AND 2 * newest.depth < d.depth
    AND NOT EXISTS (SELECT FROM segments s WHERE s.chain = d.chain)
    AND EXISTS (SELECT FROM requests r WHERE r.id = d.request_id)
ORDER BY d.created_at DESC LIMIT :limit
""")
_RESTED = text("""
SELECT DISTINCT ON (c.updated_at, c.id) h.chain, c.id AS conversation_id, h.request_id, h.depth
FROM conversations c JOIN heads h ON h.conversation_id = c.id
WHERE c.tenant = :tenant AND c.updated_at > :since
    AND c.updated_at < now() - make_interval(secs => CAST(:idle AS float))
    AND NOT EXISTS (SELECT FROM segments s WHERE s.chain = h.chain)
    AND EXISTS (SELECT FROM requests r WHERE r.id = h.request_id)
ORDER BY c.updated_at DESC, c.id, h.depth DESC LIMIT :limit
""")
_LEARNED = text("""
SELECT COALESCE(max(depth), 0) AS depth FROM segments WHERE chain = ANY(CAST(:chain AS bytea[]))
""")
_SPOKEN = text("""
SELECT depth, created_at AS at FROM heads
WHERE chain = ANY(CAST(:chain AS bytea[])) ORDER BY depth
""")
_MARK = text("""
INSERT INTO segments (chain, conversation_id, depth)
SELECT chain, conversation_id, depth FROM heads WHERE chain = ANY(CAST(:before AS bytea[]))
UNION
SELECT CAST(:chain AS bytea), CAST(:conversation AS text), CAST(:depth AS int)
ON CONFLICT (chain) DO NOTHING
""")
