"""The memories in Postgres; the vector index follows them from here.

What a person deleted stays deleted: learning does not bring it back, only a person's own import
does (``revive``). What was dropped as stale may be learned again. Nothing is written of projects
and conversations that opted out (palimpsest/store/postgres/opt_outs.py).
"""

from collections.abc import Sequence
from typing import Any

from palimpsest.gateway.model import EVERYONE
from palimpsest.memory.model import (
    Cursor,
    Detail,
    Fix,
    Kind,
    Memory,
    MemoryChanges,
    MemoryFilter,
    PageMark,
)
from palimpsest.runtime.errors import BadRequest, NotFound
from palimpsest.store.postgres import memory_statements as statements
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.memory_rows import batches, detail_json, memory_of
from palimpsest.store.postgres.requests import storable

_STATEMENT_SECONDS = 60.0
_EVERYTHING = MemoryFilter()


class MemoryStore:
    """The memories of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def save(self, memories: Sequence[Memory], *, revive: bool = False) -> int:
        """How many were not known yet. A known turn stays as it is. What was learned before is
        seen once more: in the conversation that the memory names, if that is another one."""
        new = 0
        for rows in batches(memories):
            values = {"rows": rows, "revive": revive, "tenant": self._tenant}
            [row] = await self._database.run(statements.SAVE, values, timeout=_STATEMENT_SECONDS)
            new += row["new"]
        return new

    async def record_sighting(self, memory_id: str, conversation: str) -> None:
        """Counts a conversation that confirmed a memory; each counts once."""
        values = {"id": memory_id, "conversation": conversation, "tenant": self._tenant}
        await self._database.run(statements.SEE, values)

    async def get(self, ids: Sequence[str], caller: str | None = None) -> list[Memory]:
        """Those that are there, in the order of ``ids``; with a ``caller``, those that it may
        see."""
        values = {"ids": [storable(each) for each in ids], "tenant": self._tenant}
        rows = await self._database.run(statements.GET, values)
        callers = _visible_to(caller)
        found = {
            row["id"]: memory_of(row) for row in rows if callers is None or row["caller"] in callers
        }
        return [found[memory_id] for memory_id in ids if memory_id in found]

    async def list_page(
        self,
        which: MemoryFilter = _EVERYTHING,
        *,
        words: str | None = None,
        limit: int = 100,
        after: PageMark | None = None,
    ) -> list[Memory]:
        """The newest come first; ``words``: the text contains them, in whatever case."""
        values = {
            **self._chosen(which),
            "words": storable(words),
            "limit": limit,
            "after_time": after.said_at if after else None,
            "after_id": storable(after.id) if after else None,
        }
        rows = await self._database.run(statements.PAGE, values, timeout=_STATEMENT_SECONDS)
        return [memory_of(row) for row in rows]

    async def count(self, which: MemoryFilter = _EVERYTHING) -> int:
        rows = await self._database.run(
            statements.COUNT, self._chosen(which), timeout=_STATEMENT_SECONDS
        )
        return rows[0]["n"]

    async def edit(
        self,
        memory_id: str,
        *,
        text: str | None = None,
        detail: Detail | None = None,
        confidence: float | None = None,
        confirmed: bool | None = None,
    ) -> Memory:
        """What is None stays. The id stays too, so that learning the same again finds the edit."""
        values = {
            "id": storable(memory_id),
            "tenant": self._tenant,
            "text": storable(text),
            "detail": detail_json(detail),
            "signature": storable(detail.signature) if isinstance(detail, Fix) else None,
            "confidence": confidence,
            "confirmed": confirmed,
        }
        rows = await self._database.run(statements.EDIT, values)
        if not rows:
            raise NotFound(f"there is no memory {memory_id}")
        return memory_of(rows[0])

    async def record_outcome(self, memory_id: str, success: bool) -> None:
        """What was offered helped, or it did not."""
        values = {"id": memory_id, "success": success, "tenant": self._tenant}
        await self._database.run(statements.OUTCOME, values)

    async def record_use(self, ids: Sequence[str]) -> None:
        """They were put before a model."""
        await self._database.run(statements.USED, {"ids": list(ids), "tenant": self._tenant})

    async def forget(
        self, which: MemoryFilter, *, everything: bool = False, final: bool = True
    ) -> list[str]:
        """The ids that are gone. ``final``: a person wants it; else it may be learned again.
        Raises BadRequest where nothing narrows it down and ``everything`` is not meant."""
        if which.is_everything and not everything:
            raise BadRequest("say what to forget, or that all is meant")
        rows = await self._database.run(
            statements.FORGET,
            {
                **self._chosen(which),
                "final": final,
                "unsaid": which == MemoryFilter(conversation=which.conversation),
            },
            timeout=_STATEMENT_SECONDS,
        )
        return [row["id"] for row in rows]

    async def mark_all_changed(self) -> int:
        """Let every index take all of them in again; how many they are."""
        rows = await self._database.run(
            statements.TOUCH, {"tenant": self._tenant}, timeout=_STATEMENT_SECONDS
        )
        return rows[0]["n"]

    async def read_changes(self, cursor: Cursor, limit: int) -> MemoryChanges:
        """What came after the cursor, of every tenant, in order; only what no running transaction
        can still add to."""
        values = {"changed": cursor.changed, "id": cursor.id, "limit": limit}
        rows = await self._database.run(statements.CHANGES, values, timeout=_STATEMENT_SECONDS)
        if not rows:
            return MemoryChanges(cursor=cursor)
        last = rows[-1]
        return MemoryChanges(
            [memory_of(row) for row in rows if row["id"] is not None],
            [row["next_id"] for row in rows if row["gone"]],
            Cursor(last["next_changed"], last["next_id"]),
        )

    async def read_newest_cursor(self) -> Cursor:
        """The cursor after all that is committed; `read_changes` may take a moment to reach it."""
        rows = await self._database.run(statements.NEWEST)
        return Cursor(rows[0]["changed"], rows[0]["id"]) if rows else Cursor()

    async def find_fixes(
        self,
        signature: str,
        project: str | None = None,
        limit: int = 10,
        *,
        caller: str | None = None,
    ) -> list[Memory]:
        """The fixes of exactly this error, the best confirmed first."""
        values = {
            "signature": signature,
            "callers": _visible_to(caller),
            "project": project,
            "limit": limit,
            "tenant": self._tenant,
        }
        return [memory_of(row) for row in await self._database.run(statements.FIXES, values)]

    async def find_by_words(
        self,
        words: str,
        *,
        kind: Kind | None = None,
        project: str | None = None,
        limit: int = 10,
        caller: str | None = None,
    ) -> list[Memory]:
        """What was learned that shares words with a text, best first."""
        values = {
            "words": storable(words),
            "callers": _visible_to(caller),
            "kind": kind,
            "project": project,
            "limit": limit,
            "tenant": self._tenant,
        }
        return [memory_of(row) for row in await self._database.run(statements.MATCHING, values)]

    def _chosen(self, which: MemoryFilter) -> dict[str, Any]:
        return {
            "tenant": self._tenant,
            "ids": None if which.ids is None else [storable(each) for each in which.ids],
            "kind": which.kind,
            "project": storable(which.project),
            "conversation": storable(which.conversation),
            "before": which.before,
        }


def _visible_to(caller: str | None) -> list[str] | None:
    """The callers whose memories one may see; None: those of all."""
    return None if caller is None else [EVERYONE, caller]
