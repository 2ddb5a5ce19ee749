"""The calls that word what was learned: each has its row before its first byte, and together they
stay within a budget of tokens in a day."""

from sqlalchemy import text

from palimpsest.forwarding.model import AttemptEnd
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import attempt_values


class WordingStore:
    """The rows are attempts of kind ``wording`` of the request that a segment ends with."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin_call(self, request_id: str, owner: str, tokens: int, most: int) -> int | None:
        """The number of a call that may cost so many tokens; None when the last day's calls
        leave less than that of ``most``, or the request is gone."""
        values = {"id": request_id, "owner": owner, "tokens": tokens, "most": most}
        rows = await self._database.run(_BEGIN, values)
        return rows[0]["number"] if rows else None

    async def close_call(self, request_id: str, end: AttemptEnd) -> None:
        """Record how a call ended."""
        await self._database.run(_CLOSE, {"id": request_id, **attempt_values(end)})


# A call that is open, or was never closed, costs what it may cost.
_BEGIN = text("""
WITH spent AS (
    SELECT COALESCE(sum(COALESCE(CAST(usage ->> 'input_total' AS float), 0)
        + COALESCE(CAST(usage ->> 'output_tokens' AS float), 0)), 0) AS tokens
    FROM attempts WHERE kind = 'wording' AND sent_at > now() - interval '1 day'
)
INSERT INTO attempts (request_id, kind, number, owner, usage)
SELECT r.id, 'wording',
       (SELECT COALESCE(max(number), 0) + 1 FROM attempts a
        WHERE a.request_id = r.id AND a.kind = 'wording'),
       :owner, jsonb_build_object('input_total', CAST(:tokens AS int), 'estimated', true)
FROM requests r, spent
WHERE r.id = :id AND spent.tokens + CAST(:tokens AS int) <= CAST(:most AS int)
RETURNING number
""")
_CLOSE = text("""
UPDATE attempts SET closed_at = now(), outcome = :attempt_outcome,
    status = CAST(:attempt_status AS int), bytes = CAST(:attempt_bytes AS bigint),
    reason = CAST(:attempt_reason AS text),
    usage = COALESCE(CAST(:attempt_usage AS jsonb), usage)
WHERE request_id = :id AND kind = 'wording' AND number = :number AND closed_at IS NULL
""")
