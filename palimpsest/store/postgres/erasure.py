"""Erases what was captured of conversations: requests with their answers, epochs, summaries, and
every message and blob that nothing else refers to. At once, also what is an hour old at most.

Processes take what they stored lately as stored (palimpsest/store/postgres/capture.py). So
the erasure is announced first, by a number that each accepted request is told, and waits for those
under way.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text

from palimpsest.memory.model import MemoryFilter
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.opt_outs import import_conversation
from palimpsest.store.postgres.requests import storable
from palimpsest.store.postgres.retention import (
    DELETE_UNREFERENCED_BLOBS,
    DELETE_UNREFERENCED_NODES,
)

_STATEMENT_SECONDS = 600.0
_LOOKS = 200
_BETWEEN_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class ErasureCounts:
    """How many of each are gone; ``messages`` and ``blobs`` are those that nothing refers to.
    ``sessions`` are the client's, and ``beside`` the conversations that went because they were of
    those sessions: of sub-agents, and of what the client asks for itself."""

    requests: int = 0
    conversations: int = 0
    epochs: int = 0
    messages: int = 0
    blobs: int = 0
    sessions: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        names = ("requests", "conversations", "epochs", "messages", "blobs")
        return {name: getattr(self, name) for name in names}


class Erasure:
    """Erases for one tenant. Requests that have not ended stay; so do epochs by which other
    conversations are sent."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def erase(self, which: MemoryFilter) -> ErasureCounts:
        """By project, conversation and age; what else ``which`` says is about memories alone.
        Nothing is kept of those conversations from now on, nor of the client's transcripts of
        them: who goes on with one begins anew."""
        started = await self._announced()
        chosen = await self._run(_REQUESTS, {**self._chosen(which), "sessions": []})
        rows = await self._run(_GONE, {"ids": [row["id"] for row in chosen]})
        affected = {row["conversation_id"] for row in rows if row["conversation_id"]}
        off_line = {row["id"] for row in chosen if row["is_beside"]}
        beside = {row["conversation_id"] for row in rows if row["id"] in off_line} - {None}
        if which.before is None:
            named = await self._run(_NAMED, self._chosen(which))
            affected |= {row["id"] for row in named}
        sessions = tuple(sorted({row["session"] for row in rows} - {None}))
        transcripts = (
            [import_conversation(session) for session in sessions] if which.before is None else []
        )
        values = {"tenant": self._tenant, "ids": list(affected), "transcripts": transcripts}
        [gone] = await self._run(_TRACES, values)
        [nodes] = await self._run(DELETE_UNREFERENCED_NODES, {"since": started})
        [blobs] = await self._run(DELETE_UNREFERENCED_BLOBS, {"since": started})
        return ErasureCounts(
            len(rows),
            gone["conversations"],
            gone["epochs"],
            nodes["n"],
            blobs["n"],
            sessions,
            tuple(sorted(beside)),
        )

    async def count_remaining(self, which: MemoryFilter, sessions: Sequence[str] = ()) -> int:
        """Requests and conversations that are still there, those under way among them, and those
        beside the main line of the sessions."""
        values = {**self._chosen(which), "sessions": list(sessions)}
        [row] = await self._run(_REMAINING, values)
        return row["requests"] + (row["conversations"] if which.before is None else 0)

    async def _announced(self) -> datetime:
        [row] = await self._run(_ANNOUNCE)
        # Some other transaction may take long; it is hardly one that accepts a request.
        for _ in range(_LOOKS):
            if await self._is_settled(row["xid"]):
                break
            await asyncio.sleep(_BETWEEN_SECONDS)
        return row["started"]

    async def _is_settled(self, xid: int) -> bool:
        """Whether no transaction is under way that began before that one."""
        [row] = await self._run(_SETTLED, {"xid": xid})
        return row["settled"]

    async def _run(self, statement: TextClause, values: dict[str, Any] | None = None) -> Any:
        return await self._database.run(statement, values, timeout=_STATEMENT_SECONDS)

    def _chosen(self, which: MemoryFilter) -> dict[str, Any]:
        return {
            "tenant": self._tenant,
            "project": storable(which.project),
            "conversation": storable(which.conversation),
            "before": which.before,
        }


_ANNOUNCE = text("""
SELECT nextval('erasures'), now() AS started,
       CAST(CAST(pg_current_xact_id() AS text) AS bigint) AS xid
""")
_SETTLED = text("""
SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) > :xid AS settled
""")
_OF = """
    r.tenant = :tenant
    AND (CAST(:conversation AS text) IS NULL OR r.conversation_id = :conversation)
    AND (CAST(:project AS text) IS NULL OR EXISTS (
        SELECT FROM conversations c WHERE c.id = r.conversation_id AND c.project = :project))
    AND (CAST(:before AS timestamptz) IS NULL OR r.accepted_at < :before)
"""
_NAMED_BY = """
    c.tenant = :tenant
    AND (CAST(:conversation AS text) IS NULL OR c.id = :conversation)
    AND (CAST(:project AS text) IS NULL OR c.project = :project)
"""
# Of a session, what is not of its main line: sub-agents, titles, and calls that had no answer.
_SESSION = """(
    SELECT pair ->> 1 FROM jsonb_array_elements(r.headers) AS pair
    WHERE lower(pair ->> 0) = 'x-claude-code-session-id' LIMIT 1
)"""
_ALL_OF = f"""
    of_them AS (
        SELECT r.id, {_SESSION} AS session FROM requests r WHERE {_OF}
    ), beside AS (
        SELECT r.id FROM requests r
        WHERE r.tenant = :tenant
            AND COALESCE(CAST(:conversation AS text), CAST(:project AS text)) IS NOT NULL
            AND (CAST(:before AS timestamptz) IS NULL OR r.accepted_at < :before)
            AND ({_SESSION} = ANY(CAST(:sessions AS text[]))
                OR {_SESSION} IN (SELECT session FROM of_them))
            AND r.id NOT IN (SELECT id FROM of_them)
            AND NOT EXISTS (SELECT FROM heads h
                WHERE h.conversation_id = r.conversation_id AND h.session IS NOT NULL)
    ), chosen AS (
        SELECT id, false AS is_beside FROM of_them UNION ALL SELECT id, true FROM beside
    )
"""
_REQUESTS = text(f"WITH {_ALL_OF} SELECT id, is_beside FROM chosen")
# By id alone: a row that was written meanwhile (delivered, say) is looked at again, and against a
# join Postgres then takes it for one that was not meant.
_GONE = text(f"""
WITH gone AS (
    DELETE FROM requests r WHERE r.id = ANY(CAST(:ids AS text[])) AND r.state = 'ended'
    RETURNING r.id, r.conversation_id, {_SESSION} AS session
), attempted AS (
    DELETE FROM attempts WHERE request_id IN (SELECT id FROM gone)
), claimed AS (
    DELETE FROM claims WHERE request_id IN (SELECT id FROM gone)
), journalled AS (
    DELETE FROM journal WHERE request_id IN (SELECT id FROM gone)
), sealed AS (
    DELETE FROM vault WHERE request_id IN (SELECT id FROM gone)
)
SELECT id, conversation_id, session FROM gone
""")
_NAMED = text(f"SELECT id FROM conversations c WHERE {_NAMED_BY}")
_TRACES = text("""
WITH dead AS (
    SELECT id FROM unnest(CAST(:ids AS text[])) AS one(id)
    WHERE NOT EXISTS (SELECT FROM requests WHERE requests.conversation_id = one.id)
), used AS (
    SELECT unnest(ARRAY[applied_epoch, observed_epoch]) AS chain FROM heads
    WHERE conversation_id NOT IN (SELECT id FROM dead)
    UNION
    SELECT unnest(ARRAY[applied_epoch, observed_epoch]) FROM requests
), unused AS (
    DELETE FROM epochs
    WHERE NOT EXISTS (SELECT FROM used WHERE used.chain = epochs.chain) AND (
        conversation_id IN (SELECT id FROM dead)
        -- or of one that was erased before, and is used no longer
        OR NOT EXISTS (SELECT FROM conversations c WHERE c.id = epochs.conversation_id)
            AND EXISTS (SELECT FROM unremembered u
                        WHERE u.scope = 'conversation' AND u.name = epochs.conversation_id))
    RETURNING 1
), headless AS (
    DELETE FROM heads WHERE conversation_id IN (SELECT id FROM dead)
), unsummed AS (
    DELETE FROM summaries WHERE conversation_id IN (SELECT id FROM dead)
), unlearned AS (
    DELETE FROM segments WHERE conversation_id IN (SELECT id FROM dead)
), gone AS (
    DELETE FROM conversations WHERE id IN (SELECT id FROM dead) RETURNING 1
), unremembering AS (
    INSERT INTO unremembered (tenant, scope, name)
    SELECT :tenant, 'conversation', id FROM dead
    UNION SELECT :tenant, 'conversation', unnest(CAST(:transcripts AS text[]))
    ON CONFLICT DO NOTHING
)
SELECT (SELECT count(*) FROM gone) AS conversations, (SELECT count(*) FROM unused) AS epochs
""")
_REMAINING = text(f"""
WITH {_ALL_OF}
SELECT (SELECT count(*) FROM chosen) AS requests,
       (SELECT count(*) FROM conversations c WHERE {_NAMED_BY}) AS conversations
""")
