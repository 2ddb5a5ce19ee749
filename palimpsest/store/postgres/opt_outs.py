"""Opt-outs: conversations and projects of which nothing is stored or recalled."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import text

from palimpsest.store.postgres.database import Database

Scope = Literal["project", "conversation"]


def import_conversation(session: str) -> str:
    """The conversation that the client's own transcript of a session is filed under."""
    return f"import_{session}"


class OptOuts:
    """The opt-outs of one tenant; they stay until they are taken back."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def opt_out(self, scope: Scope, name: str) -> None:
        """From now on nothing is stored or recalled of it."""
        await self._database.run(_ADD, {"tenant": self._tenant, "scope": scope, "name": name})

    async def opt_in(self, scope: Scope, name: str) -> None:
        """Take an opt-out back."""
        await self._database.run(_REMOVE, {"tenant": self._tenant, "scope": scope, "name": name})

    async def find_opted_out(
        self, projects: Sequence[str], conversations: Sequence[str]
    ) -> set[tuple[Scope, str]]:
        """Those of them that opted out, with their scopes."""
        values = {
            "tenant": self._tenant,
            "projects": list(projects),
            "conversations": list(conversations),
        }
        return {(row["scope"], row["name"]) for row in await self._database.run(_AMONG, values)}

    async def list_projects(self) -> list[str]:
        """The projects that opted out."""
        rows = await self._database.run(_PROJECTS, {"tenant": self._tenant})
        return [row["name"] for row in rows]


_ADD = text("""
INSERT INTO unremembered (tenant, scope, name) VALUES (:tenant, :scope, :name)
ON CONFLICT DO NOTHING
""")
_REMOVE = text("""
DELETE FROM unremembered WHERE tenant = :tenant AND scope = :scope AND name = :name
""")
_AMONG = text("""
SELECT scope, name FROM unremembered
WHERE tenant = :tenant AND (
    scope = 'project' AND name = ANY(CAST(:projects AS text[]))
    OR scope = 'conversation' AND name = ANY(CAST(:conversations AS text[])))
""")
_PROJECTS = text("""
SELECT name FROM unremembered WHERE tenant = :tenant AND scope = 'project' ORDER BY name
""")
