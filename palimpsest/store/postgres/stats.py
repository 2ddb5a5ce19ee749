"""Percentiles, outcomes and tokens of the recent requests."""

from sqlalchemy import text

from palimpsest.exchanges.model import Percentiles
from palimpsest.store.postgres.database import Database

_COLUMNS = {
    "accept": "accept_ms",
    "query": "query_ms",
    "rewrite": "rewrite_ms",
    "forward_overhead": "overhead_ms - coalesce(accept_ms, 0) - coalesce(query_ms, 0)"
    " - coalesce(rewrite_ms, 0)",
    "upstream_first_byte": "upstream_first_byte_ms",
    "first_byte": "first_byte_ms",
    "total": "total_ms",
}


class StatsStore:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_percentiles(self, hours: float) -> dict[str, Percentiles]:
        """By phase, of the requests accepted in the last ``hours``."""
        rows = await self._database.run(_PERCENTILES, {"hours": hours})
        return {phase: Percentiles(*(rows[0][phase] or (None,) * 3)) for phase in _COLUMNS}

    async def count_outcomes(self, hours: float) -> dict[str, int]:
        """How many requests ended with which outcome, and how many are `in_flight`."""
        rows = await self._database.run(_OUTCOMES, {"hours": hours})
        return {row["outcome"]: row["count"] for row in rows}

    async def sum_tokens(self, hours: float) -> dict[str, int]:
        """Tokens by kind: input, output, cache_read, cache_write."""
        rows = await self._database.run(_TOKENS, {"hours": hours})
        return {name: int(count or 0) for name, count in rows[0].items()}


_PERCENTILES = text(
    "SELECT "
    + ", ".join(
        f"percentile_cont(ARRAY[.5, .95, .99]) WITHIN GROUP (ORDER BY {column}) AS {phase}"
        for phase, column in _COLUMNS.items()
    )
    + " FROM requests WHERE accepted_at > now() - make_interval(hours => 1) * CAST(:hours AS float)"
)
_OUTCOMES = text("""
SELECT COALESCE(outcome, 'in_flight') AS outcome, count(*) AS count
FROM requests WHERE accepted_at > now() - make_interval(hours => 1) * CAST(:hours AS float)
GROUP BY 1
""")
_TOKENS = text("""
SELECT sum(input_tokens) AS input, sum(output_tokens) AS output,
       sum(cache_read_tokens) AS cache_read, sum(cache_write_tokens) AS cache_write
FROM requests WHERE accepted_at > now() - make_interval(hours => 1) * CAST(:hours AS float)
""")
