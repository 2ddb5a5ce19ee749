"""Looks up which conversation a request continues, in which project, and what was decided about its
history before: its recorded epochs, or proof that there are none.

The lookup of the conversation begins while the engine starts the workflow, which takes several
times as long, and the first activity waits for what is left of it.
"""

import asyncio
from dataclasses import dataclass

import structlog

from palimpsest.context.model import Epoch, EpochMode
from palimpsest.conversations.lineage import Lineage, project_of, trace
from palimpsest.conversations.model import Place
from palimpsest.conversations.unchanged import UnchangedConversations
from palimpsest.dialects.model import RequestView
from palimpsest.gateway.model import TENANT
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.errors import DatabaseUnavailable, PalimpsestError
from palimpsest.runtime.hash_chain import Hash
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.epochs import EpochStore
from workflows.contracts import QueryIntelligenceResult


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came: what its lineage is made of."""

    request_id: str
    view: RequestView
    headers: RawHeaders
    caller: str

    async def trace(self, project: str = "") -> Lineage:
        """Its lineage; ``project`` is that of a request that names none."""
        return await off_the_loop(
            self.view.weight,
            trace,
            TENANT,
            self.caller,
            self.view,
            self.headers,
            self.request_id,
            project,
        )


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a request stands: ``project`` is the client's working directory, ``lineage`` that of
    its messages, ``place`` what is on record of the conversation."""

    project: str
    lineage: Lineage
    place: Place

    @property
    def origin(self) -> bytes:
        """The origin of its conversation."""
        return self.lineage.fresh if self.place.origin is None else self.place.origin


class ConversationLookup:
    """Looks requests up; one that another process accepted is looked up when it is asked for."""

    def __init__(self, conversations: ConversationStore) -> None:
        self._conversations = conversations
        self._early: dict[str, asyncio.Task[Placement | None]] = {}

    def begin(self, arrival: Arrival) -> None:
        """Look it up now, for who asks soon."""
        self._early[arrival.request_id] = asyncio.create_task(self._look_early(arrival))

    def discard(self, request_id: str) -> None:
        """Nobody will ask for it any more."""
        self._early.pop(request_id, None)

    async def find(self, arrival: Arrival) -> Placement:
        """The early result, once: whoever asks again wants a new one. Raises
        DatabaseUnavailable."""
        early = self._early.pop(arrival.request_id, None)
        placement = await early if early else None
        return placement or await self._look(arrival)

    async def _look_early(self, arrival: Arrival) -> Placement | None:
        try:
            return await self._look(arrival)
        except PalimpsestError:
            return None

    async def _look(self, arrival: Arrival) -> Placement:
        project = project_of(arrival.view)
        lineage = await arrival.trace(project)
        return Placement(project, lineage, await self._conversations.find_place(lineage))


_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class RecordedEpochs:
    """The epochs that apply to a request's history.

    chain: names its messages in their conversation
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
        self, view: RequestView, known: QueryIntelligenceResult | None, lineage: Lineage
    ) -> RecordedEpochs:
        """The recorded epochs; raises DatabaseUnavailable when nobody can tell what was decided.
        ``known`` spares the lookup of the conversation; without it, what this process knows to
        have passed as it came needs no database."""
        unread = RecordedEpochs(lineage.chain(lineage.fresh), certain=False)
        if known is None and self._unchanged.proves_unchanged(view, lineage):
            return unread
        try:
            place = _place(known) if known else await self._conversations.find_place(lineage)
            return await self._read(lineage, place)
        except DatabaseUnavailable:
            if not self._unchanged.proves_unchanged(view, lineage):
                raise
            return unread

    async def read(self, lineage: Lineage) -> RecordedEpochs:
        """The recorded epochs by the database alone."""
        return await self._read(lineage, await self._conversations.find_place(lineage))

    async def _read(self, lineage: Lineage, place: Place) -> RecordedEpochs:
        return RecordedEpochs(
            lineage.chain(lineage.fresh if place.origin is None else place.origin),
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


def _place(known: QueryIntelligenceResult) -> Place:
    return Place(
        applied=bytes.fromhex(known.epoch) if known.epoch else None,
        observed=bytes.fromhex(known.observed) if known.observed else None,
        origin=bytes.fromhex(known.origin),
    )
