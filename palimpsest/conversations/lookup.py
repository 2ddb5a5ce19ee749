"""Looks up which conversation a request continues, and in which project.

The lookup begins while the engine starts the workflow, which takes several times as long, and the
first activity waits for what is left of it.
"""

import asyncio
from dataclasses import dataclass

from palimpsest.conversations.model import Place
from palimpsest.conversations.project import lineage, project_of
from palimpsest.dialects.model import RequestView
from palimpsest.gateway.model import TENANT
from palimpsest.runtime.errors import PalimpsestError
from palimpsest.runtime.hash_chain import Hash
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.conversations import ConversationStore


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a request stands: ``project`` is the client's working directory, ``chain`` the lineage
    of its messages, ``place`` what is on record of the conversation."""

    project: str
    chain: tuple[Hash, ...]
    place: Place


class ConversationLookup:
    """Looks requests up; one that another process accepted is looked up when it is asked for."""

    def __init__(self, conversations: ConversationStore) -> None:
        self._conversations = conversations
        self._early: dict[str, asyncio.Task[Placement | None]] = {}

    def begin(self, request_id: str, view: RequestView) -> None:
        """Look it up now, for who asks soon."""
        self._early[request_id] = asyncio.create_task(self._look_early(view))

    def discard(self, request_id: str) -> None:
        """Nobody will ask for it any more."""
        self._early.pop(request_id, None)

    async def find(self, request_id: str, view: RequestView) -> Placement:
        """The early result, once: whoever asks again wants a new one. Raises
        DatabaseUnavailable."""
        early = self._early.pop(request_id, None)
        placement = await early if early else None
        return placement or await self._look(view)

    async def _look_early(self, view: RequestView) -> Placement | None:
        try:
            return await self._look(view)
        except PalimpsestError:
            return None

    async def _look(self, view: RequestView) -> Placement:
        project = project_of(view)
        chain = await off_the_loop(len(view.body), lineage, TENANT, view, project)
        return Placement(project, chain, await self._conversations.find_place(chain))
