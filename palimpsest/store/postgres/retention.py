"""Captured content does not stay for ever: an age, a size, and a sweep of what nobody refers to.

Whatever a request of the last hour referred to is spared, so that a process may take it as stored
(`palimpsest/store/postgres/capture.py`). Epochs are decisions, not captured content: room is
never made at their cost, and they stay until the conversations that were sent by them have not
been used for ``days``.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import TextClause, text

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import Database, Row

_EVERY_SECONDS = 3600.0
_STATEMENT_SECONDS = 600.0
_FIRST_AFTER_SECONDS = 60.0
_BATCH = 50
_SPARED = timedelta(hours=1)

_log = structlog.stdlib.get_logger()


class Retention:
    """Deletes what is older than ``days``, then the oldest until ``max_bytes`` suffice."""

    def __init__(
        self, database: Database, days: float, max_bytes: int, *, batch: int = _BATCH
    ) -> None:
        self._database = database
        self._days = days
        self._max_bytes = max_bytes
        self._batch = batch

    async def run(self) -> None:
        """Sweep for ever, once an hour."""
        await asyncio.sleep(_FIRST_AFTER_SECONDS)
        while True:
            try:
                await self.sweep()
            except DatabaseUnavailable as error:
                _log.warning("the sweep waits", reason=str(error))
            await asyncio.sleep(_EVERY_SECONDS)

    async def sweep(self) -> None:
        """One pass; each statement is a transaction, and any of them may be the last."""
        await self._run(_EXPIRE, {"days": self._days})
        await self._run(_VAULT)
        await self._run(_TOKENS)
        await self._run(_EPOCHS, {"days": self._days})
        await self._run(_SUMMARIES, {"days": self._days})
        await self._collect()
        while await self.stored_bytes() > self._max_bytes:
            if not await self._run(_EVICT, {"batch": self._batch}):
                _log.warning("captured content of the last hour alone is over its size cap")
                return
            await self._collect()

    async def stored_bytes(self) -> int:
        """The compressed size of all captured content."""
        rows = await self._run(_STORED)
        return int(rows[0]["stored"])

    async def _run(
        self, statement: TextClause, values: Mapping[str, Any] | None = None
    ) -> Sequence[Row]:
        """A sweep looks at whole tables; nobody waits for it."""
        return await self._database.run(statement, values, timeout=_STATEMENT_SECONDS)

    async def _collect(self) -> None:
        since = datetime.now(UTC) - _SPARED
        await self._run(_ORPHANS)
        for statement in (DELETE_UNREFERENCED_NODES, DELETE_UNREFERENCED_BLOBS):
            await self._run(statement, {"since": since})
        for statement in _TRACES:
            await self._run(statement)


_EXPIRE = text("""
WITH gone AS (
    DELETE FROM requests
    WHERE state = 'ended' AND accepted_at < now() - make_interval(days => 1) * CAST(:days AS float)
      AND accepted_at < now() - interval '1 hour'
    RETURNING id
)
DELETE FROM attempts WHERE request_id IN (SELECT id FROM gone)
""")
# Messages and blobs that no request refers to. What was touched after ``since`` is spared: a
# request that is being accepted may refer to it.
DELETE_UNREFERENCED_NODES = text("""
WITH RECURSIVE live(hash) AS (
    SELECT node FROM requests
    UNION
    SELECT n.parent FROM nodes n JOIN live ON live.hash = n.hash WHERE n.parent IS NOT NULL
), gone AS (
    DELETE FROM nodes WHERE touched_at < CAST(:since AS timestamptz)
        AND NOT EXISTS (SELECT FROM live WHERE live.hash = nodes.hash)
    RETURNING 1
)
SELECT count(*) AS n FROM gone
""")
DELETE_UNREFERENCED_BLOBS = text("""
WITH gone AS (
    DELETE FROM blobs WHERE touched_at < CAST(:since AS timestamptz)
        AND NOT EXISTS (SELECT FROM nodes WHERE nodes.message = blobs.hash)
        AND NOT EXISTS (SELECT FROM requests WHERE requests.response = blobs.hash)
        AND hash NOT IN (SELECT unnest(parts) FROM requests)
    RETURNING 1
)
SELECT count(*) AS n FROM gone
""")
# The longest-lived OAuth tokens live for a year; of one that is forgotten the provider is asked.
_TOKENS = text("DELETE FROM token_owners WHERE learned_at < now() - interval '400 days'")
_VAULT = text("DELETE FROM vault WHERE expires_at < now()")
_ORPHANS = text("""
WITH unclaimed AS (
    DELETE FROM claims WHERE created_at < now() - interval '1 hour'
        AND NOT EXISTS (
            SELECT FROM requests WHERE requests.id = claims.request_id
                AND (claims.keyed OR COALESCE(delivered_at > now(), true))
        )
)
DELETE FROM journal
WHERE NOT EXISTS (SELECT FROM requests WHERE requests.id = journal.request_id)
""")
_EVICT = text("""
WITH gone AS (
    DELETE FROM requests WHERE id IN (
        SELECT id FROM requests
        WHERE state = 'ended' AND accepted_at < now() - interval '1 hour'
        ORDER BY accepted_at LIMIT :batch
    ) RETURNING id
), their_attempts AS (
    DELETE FROM attempts WHERE request_id IN (SELECT id FROM gone)
)
SELECT id FROM gone
""")
_STORED = text("SELECT COALESCE(sum(pg_column_size(data)), 0) AS stored FROM blobs")
_EPOCHS = text("""
WITH age AS (
    SELECT greatest(make_interval(days => 1) * CAST(:days AS float), interval '1 hour') AS most
), used AS (
    SELECT unnest(ARRAY[h.applied_epoch, h.observed_epoch]) AS chain
    FROM age, heads h JOIN conversations c ON c.id = h.conversation_id
    WHERE c.updated_at > now() - age.most
    UNION
    SELECT unnest(ARRAY[applied_epoch, observed_epoch]) FROM requests
)
DELETE FROM epochs USING age WHERE created_at < now() - age.most
    AND NOT EXISTS (SELECT FROM used WHERE used.chain = epochs.chain)
    AND NOT EXISTS (
        SELECT FROM conversations c
        WHERE c.id = epochs.conversation_id AND c.updated_at > now() - age.most
    )
""")
# The epochs that were made with them hold their text.
_SUMMARIES = text("""
DELETE FROM summaries WHERE created_at < now() - greatest(
    make_interval(days => 1) * CAST(:days AS float), interval '1 hour')
""")
_HEADS = text("""
DELETE FROM heads WHERE created_at < now() - interval '1 hour'
    AND NOT EXISTS (SELECT FROM requests WHERE requests.id = heads.request_id)
    AND NOT EXISTS (
        SELECT FROM requests WHERE requests.conversation_id = heads.conversation_id
    )
    AND NOT EXISTS (SELECT FROM epochs WHERE epochs.conversation_id = heads.conversation_id)
    AND NOT EXISTS (SELECT FROM epochs WHERE epochs.chain = heads.applied_epoch)
    AND NOT EXISTS (SELECT FROM epochs WHERE epochs.chain = heads.observed_epoch)
""")
_CONVERSATIONS = text("""
DELETE FROM conversations WHERE updated_at < now() - interval '1 hour'
    AND NOT EXISTS (SELECT FROM heads WHERE heads.conversation_id = conversations.id)
""")
# Memories have no age. Where they were seen, and what was learned from, goes with the subject.
_SIGHTINGS = text("""
DELETE FROM sightings WHERE seen_at < now() - interval '1 hour'
    AND NOT EXISTS (SELECT FROM memories WHERE memories.id = sightings.memory_id)
""")
_SEGMENTS = text("""
DELETE FROM segments WHERE learned_at < now() - interval '1 hour'
    AND NOT EXISTS (SELECT FROM heads WHERE heads.conversation_id = segments.conversation_id)
""")
_TRACES = (_HEADS, _CONVERSATIONS, _SIGHTINGS, _SEGMENTS)
