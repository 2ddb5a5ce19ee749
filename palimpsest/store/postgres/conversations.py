"""Conversations: found by lineage, the longest known chain names them.

What was sent for a head goes on to be sent: the epoch of the deepest known head applies, and only
one that was begun after it takes its place.
"""

import dataclasses
from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import text

from palimpsest.conversations.model import ConversationRecord, Lineage, Place
from palimpsest.dialects.model import MESSAGE_WEIGHT
from palimpsest.exchanges.model import TurnRecord
from palimpsest.gateway.model import EVERYONE
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.database import Database, Row

# The next turn of a conversation nearly always extends a head that is a few messages back.
_RECENT = 64
_AT_ONCE = 4_096
"""So many positions are encoded for one statement in some 20 ms."""


class ConversationStore:
    """Reads what earlier requests left; they write it when they settle."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def find_place(self, lineage: Lineage) -> Place:
        """Find the place of a history; looks at the newest positions first, and at the others only
        as long as no head is among those."""
        first = max(0, len(lineage.history) - _RECENT)
        place = await self._among(lineage, first, len(lineage.history))
        while first and place.conversation_id is None:
            end, first = first, max(0, first - _AT_ONCE)
            older = await self._among(lineage, first, end)
            place = dataclasses.replace(
                older,
                applied=place.applied or older.applied,
                observed=place.observed or older.observed,
            )
        return place

    async def find_session_place(self, session: bytes, caller: str | None = None) -> Place:
        """Find the place of the newest answer of a client's session; with a ``caller``, of its
        own."""
        rows = await self._database.run(_SESSION_PLACE, _session(session, caller))
        return Place(**rows[0]) if rows else Place()

    async def find_session_project(self, session: bytes, caller: str | None = None) -> str:
        """Find the project of the newest answer of a client's session; empty when there is none."""
        rows = await self._database.run(_SESSION_PROJECT, _session(session, caller))
        return rows[0]["project"] if rows else ""

    async def find_conversation(self, conversation: str) -> ConversationRecord | None:
        """None also for one whose first answer is still to come."""
        rows = await self._database.run(_CONVERSATION, {"id": conversation})
        return msgspec.convert(rows[0], ConversationRecord) if rows else None

    async def list_turns(self, conversation: str) -> list[TurnRecord]:
        """Its requests, oldest first, without their content."""
        rows = await self._database.run(_TURNS, {"id": conversation})
        return [msgspec.convert(row, TurnRecord) for row in rows]

    async def _among(self, lineage: Lineage, first: int, end: int) -> Place:
        """The place by the positions from ``first`` up to ``end``."""
        history = lineage.history[first:end]
        spoken = lineage.history[max(first, lineage.spoken - 1) : end] if lineage.spoken else ()
        own = lineage.chain(lineage.fresh)[first:end]
        rows = await self._database.run(
            _HEADS,
            {
                "tenant": self._tenant,
                "history": list(history),
                "spoken": list(spoken),
                "own": list(own),
                "origin": lineage.fresh,
                "callers": [EVERYONE, lineage.caller],
                "named": lineage.named,
            },
        )
        heads = {row["kind"]: row for row in rows if row["kind"]}
        head = choose_head(heads, lineage.history)
        begun = rows[0]
        if head is not None and head["origin"] != lineage.fresh:
            weight = MESSAGE_WEIGHT * len(lineage.history)
            chain = await off_the_loop(weight, lineage.chain, head["origin"])
            [begun] = await self._database.run(
                _BEGUN,
                {
                    "tenant": self._tenant,
                    "chain": list(chain[first:end]),
                    "depth": head["depth"],
                },
            )
        return _place(head, begun, lineage.fresh)


def choose_head(heads: Mapping[str, Row], history: Collection[bytes]) -> Row | None:
    """Which of the heads that were found is that of the request's conversation.

    One of its own line is, unless the answer to it was another than the request goes on from; else
    one that the model had spoken in, of whichever line: a fork or a resumption. Where the client
    names no session, what begins alike is taken as the same once the model has spoken.
    """
    own, continued = heads.get("own"), heads.get("continued")
    if own is None:
        return continued or heads.get("alone")
    answered = own["answered"]
    contradicted = answered is not None and answered not in history
    return continued if continued and contradicted else own


def _session(session: bytes, caller: str | None) -> dict[str, object]:
    callers = None if caller is None else [EVERYONE, caller]
    return {"session": session, "callers": callers}


def _place(head: Row | None, begun: Row, fresh: bytes) -> Place:
    if head is None:
        return Place(applied=begun["begun"], observed=begun["begun_observed"])
    return Place(
        head["conversation_id"],
        head["turn"] or 0,
        head["token_ratio"],
        head["idle"],
        begun["begun"] or head["applied_epoch"],
        begun["begun_observed"] or head["observed_epoch"],
        head["origin"],
    )


_OF_A_HEAD = """
    h.conversation_id, h.turn, h.depth, h.applied_epoch, h.observed_epoch, h.origin, h.answered,
    h.created_at
"""
_EPOCHS_BEGUN = """
(SELECT chain FROM epochs WHERE tenant = :tenant AND chain = ANY(CAST(:{chain} AS bytea[]))
    AND mode = 'on' AND depth > {depth} ORDER BY depth DESC LIMIT 1) AS begun,
(SELECT chain FROM epochs WHERE tenant = :tenant AND chain = ANY(CAST(:{chain} AS bytea[]))
    AND mode = 'observe' AND depth > {depth} ORDER BY depth DESC LIMIT 1) AS begun_observed
"""
# `own`: of the line that the request would begin. `continued`: the model had spoken in it.
# `alone`: of a client that names no session, or of a version that did not know of lines.
_HEADS = text(f"""
WITH own AS (
    SELECT 'own' AS kind, {_OF_A_HEAD} FROM heads h
    WHERE h.history = ANY(CAST(:history AS bytea[])) AND h.origin = :origin
    ORDER BY h.depth DESC LIMIT 1
), continued AS (
    SELECT 'continued' AS kind, {_OF_A_HEAD} FROM (
        SELECT *, depth AS reach FROM heads
        WHERE history = ANY(CAST(:spoken AS bytea[])) AND caller = ANY(CAST(:callers AS text[]))
        UNION ALL
        SELECT *, depth + 1 AS reach FROM heads
        WHERE answered = ANY(CAST(:spoken AS bytea[])) AND caller = ANY(CAST(:callers AS text[]))
    ) h
    ORDER BY h.reach DESC, h.created_at DESC LIMIT 1
), alone AS (
    SELECT 'alone' AS kind, {_OF_A_HEAD} FROM heads h
    WHERE CAST(:spoken AS bytea[]) <> '{{}}' AND h.history = ANY(CAST(:history AS bytea[]))
        AND h.caller = ANY(CAST(:callers AS text[])) AND NOT h.named
        AND (NOT :named OR h.origin = '')
    ORDER BY h.depth DESC, h.created_at DESC LIMIT 1
), found AS (
    SELECT * FROM own UNION ALL SELECT * FROM continued UNION ALL SELECT * FROM alone
)
SELECT found.*, c.token_ratio, CAST(EXTRACT(epoch FROM now() - c.updated_at) AS float) AS idle,
{_EPOCHS_BEGUN.format(chain="own", depth="COALESCE((SELECT depth FROM own), 0)")}
FROM (VALUES (1)) AS one
LEFT JOIN (found JOIN conversations c ON c.id = found.conversation_id) ON true
""")
_BEGUN = text(f"SELECT {_EPOCHS_BEGUN.format(chain='chain', depth='CAST(:depth AS int)')}")
_SESSION_PLACE = text("""
SELECT h.conversation_id, h.turn, c.token_ratio,
       CAST(EXTRACT(epoch FROM now() - c.updated_at) AS float) AS idle
FROM heads h JOIN conversations c ON c.id = h.conversation_id
WHERE h.session = :session
    AND (CAST(:callers AS text[]) IS NULL OR h.caller = ANY(CAST(:callers AS text[])))
ORDER BY h.created_at DESC LIMIT 1
""")
_SESSION_PROJECT = text("""
SELECT c.project FROM heads h JOIN conversations c ON c.id = h.conversation_id
WHERE h.session = :session
    AND (CAST(:callers AS text[]) IS NULL OR h.caller = ANY(CAST(:callers AS text[])))
ORDER BY h.created_at DESC LIMIT 1
""")
_CONVERSATION = text("SELECT * FROM conversations WHERE id = :id")
_TURNS = text("""
SELECT id, turn, state, outcome, model, accepted_at, message_count, context_mode, applied_epoch,
       observed_epoch, original_tokens, context_tokens, input_tokens, output_tokens,
       cache_read_tokens, cache_write_tokens
FROM requests WHERE conversation_id = :id ORDER BY accepted_at, id
""")
