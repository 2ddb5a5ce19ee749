"""Finds what was decided about a request's history before: its recorded epochs, or proof that there
are none."""

from dataclasses import dataclass

import structlog

from palimpsest.context.model import Epoch, EpochMode
from palimpsest.conversations.model import Place
from palimpsest.conversations.project import lineage
from palimpsest.conversations.unchanged import UnchangedConversations
from palimpsest.dialects.model import RequestView
from palimpsest.gateway.model import TENANT
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.runtime.hash_chain import Hash
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.epochs import EpochStore
from workflows.contracts import QueryIntelligenceResult

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
