"""Looks up which conversation a request continues, in which project, and what was decided about its
history before: its recorded epochs, or proof that there are none.

The lookup of the conversation begins while the engine starts the workflow, which takes several
times as long, and the first activity waits for what is left of it.
"""

import asyncio
from dataclasses import dataclass

import structlog

from palimpsest.context.model import Epoch, EpochMode
from palimpsest.conversations.lineage import lineage, project_of
from palimpsest.conversations.model import Place
from palimpsest.conversations.unchanged import UnchangedConversations
from palimpsest.dialects.model import RequestView
from palimpsest.gateway.model import TENANT
from palimpsest.runtime.errors import DatabaseUnavailable, PalimpsestError
from palimpsest.runtime.hash_chain import Hash
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.epochs import EpochStore
from workflows.contracts import QueryIntelligenceResult


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


_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class RecordedEpochs:
    """The epochs that apply to a request's history.

    chain: the lineage of its messages
    applied: the epoch that its history is sent by; None: as it came
    observed: the epoch that it would have been sent by
    certain: the database was read
    """

    chain: tuple[Hash, ...]
    applied: Epoch | None = None
    observed: Epoch | None = None
    certain: bool = True


class EpochLookup:
    """Looks recorded epochs up by lineage."""

    def __init__(
        self,
        conversations: ConversationStore,
        epochs: EpochStore,
        unchanged: UnchangedConversations,
    ) -> None:
        self._conversations = conversations
        self._epochs = epochs
        self._unchanged = unchanged

    async def find(
        self,
        view: RequestView,
        known: QueryIntelligenceResult | None,
        chain: tuple[Hash, ...] | None = None,
    ) -> RecordedEpochs:
        """The recorded epochs; raises DatabaseUnavailable when nobody can tell what was decided.
        ``known`` spares the lookup of the conversation; without it, what this process knows to
        have passed as it came needs no database. ``chain``: the lineage, where it is computed."""
        chain = chain or await _lineage(view, known.project if known else "")
        unread = RecordedEpochs(chain, certain=False)
        if known is None and self._unchanged.proves_unchanged(view, chain):
            return unread
        try:
            place = _place(known) if known else await self._conversations.find_place(chain)
            return await self._read(chain, place)
        except DatabaseUnavailable:
            if not self._unchanged.proves_unchanged(view, chain):
                raise
            return unread

    async def read(self, view: RequestView, project: str = "") -> RecordedEpochs:
        """The recorded epochs by the database alone; ``project`` is that of a request that names
        none."""
        chain = await _lineage(view, project)
        return await self._read(chain, await self._conversations.find_place(chain))

    async def _read(self, chain: tuple[Hash, ...], place: Place) -> RecordedEpochs:
        return RecordedEpochs(
            chain,
            await self._epoch(place.applied, "on"),
            await self._epoch(place.observed, "observe"),
        )

    async def _epoch(self, name: bytes | None, kind: EpochMode) -> Epoch | None:
        if name is None:
            return None
        epoch = await self._epochs.get(name, kind)
        if epoch is None:
            # Gone for good, and the conversation must go on: the provider refuses thinking that
            # was bound to the rewritten history, and clients then send it without.
            _log.warning("an epoch is not on record any more", chain=name.hex())
        return epoch


async def _lineage(view: RequestView, project: str = "") -> tuple[Hash, ...]:
    return await off_the_loop(len(view.body), lineage, TENANT, view, project)


def _place(known: QueryIntelligenceResult) -> Place:
    return Place(
        applied=bytes.fromhex(known.epoch) if known.epoch else None,
        observed=bytes.fromhex(known.observed) if known.observed else None,
    )
