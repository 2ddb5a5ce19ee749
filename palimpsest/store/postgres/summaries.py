"""Summaries of what epochs cut, and the calls for them; the first summary of a cut stays."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from palimpsest.conversations.model import CutSummary
from palimpsest.forwarding.model import AttemptEnd
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import attempt_values, storable

MOST_CALLS = 2
"""For one request, whatever the engine makes of the activity."""


class SummaryStore:
    """The summaries of one tenant, by the chain hash of the epoch that each is made for."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def get(self, chain: bytes) -> CutSummary | None:
        """The summary for the epoch with this chain hash."""
        rows = await self._database.run(_GET, self._key(chain))
        return CutSummary(**rows[0]) if rows else None

    async def begin_call(self, request_id: str, owner: str) -> int | None:
        """Write the row of a call before its first byte; its number. None when the request has
        ended, or was summed up for often enough."""
        values = {"id": request_id, "owner": owner, "most": MOST_CALLS}
        rows = await self._database.run(_BEGIN, values)
        return rows[0]["number"] if rows else None

    async def close_call(self, request_id: str, end: AttemptEnd) -> None:
        """How a call ended that brought no summary."""
        await self._database.run(_CLOSE, _end(request_id, end))

    async def save_summary(
        self,
        chain: bytes,
        conversation: str,
        request_id: str,
        summary: CutSummary,
        end: AttemptEnd,
    ) -> None:
        """Close a call, and save its summary unless another one was first."""
        values = {
            **self._key(chain),
            **_end(request_id, end),
            "conversation_id": conversation,
            "model": summary.model,
            "text": storable(summary.text),
        }
        await self._database.run(_SAVE, values)

    def _key(self, chain: bytes) -> Mapping[str, Any]:
        return {"tenant": self._tenant, "chain": chain}


def _end(request_id: str, end: AttemptEnd) -> Mapping[str, Any]:
    return {"id": request_id, **attempt_values(end)}


_GET = text("SELECT model, text FROM summaries WHERE tenant = :tenant AND chain = :chain")
# A call that is still open is one of a process that died: the engine runs one at a time.
_BEGIN = text("""
WITH lost AS (
    UPDATE attempts SET closed_at = now(), outcome = 'unknown',
        reason = 'the process that called was gone before it told how the call ended'
    WHERE request_id = :id AND kind = 'summary' AND closed_at IS NULL
), calls AS (
    SELECT count(*) AS made FROM attempts WHERE request_id = :id AND kind = 'summary'
)
INSERT INTO attempts (request_id, kind, number, owner)
SELECT id, 'summary', made + 1, :owner FROM requests, calls
WHERE id = :id AND state <> 'ended' AND made < :most
RETURNING number
""")
_CLOSED = """
UPDATE attempts SET closed_at = now(), outcome = :attempt_outcome,
    status = CAST(:attempt_status AS int), bytes = CAST(:attempt_bytes AS bigint),
    reason = CAST(:attempt_reason AS text), usage = CAST(:attempt_usage AS jsonb)
WHERE request_id = :id AND kind = 'summary' AND number = :number AND closed_at IS NULL
"""
_CLOSE = text(_CLOSED)
_SAVE = text(f"""
WITH closed AS ({_CLOSED})
INSERT INTO summaries (tenant, chain, conversation_id, request_id, model, text)
VALUES (:tenant, :chain, :conversation_id, :id, :model, :text)
ON CONFLICT (tenant, chain) DO NOTHING
""")
