"""What was decided about a request's history before: from the ledger, or nothing by proof."""

from dataclasses import dataclass

import structlog

from palimpsest.context.model import Epoch
from palimpsest.conversations.project import lineage
from palimpsest.conversations.unchanged import Unrewritten
from palimpsest.dialects.model import RequestView
from palimpsest.gateway.model import TENANT
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.runtime.hash_chain import Hash
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.conversations import ConversationStore, Place
from palimpsest.store.postgres.epochs import EpochStore, Kind
from workflows.contracts import QueryIntelligenceResult

_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Past:
    """``chain`` is the lineage of the request's messages; ``applied`` is what its history is sent
    by, ``observed`` what it would have been sent by. ``certain``: the ledger was read."""

    chain: tuple[Hash, ...]
    applied: Epoch | None = None
    observed: Epoch | None = None
    certain: bool = True


class PastReader:
    """Reads it; raises DatabaseUnavailable when nobody can tell what was decided."""

    def __init__(
        self, conversations: ConversationStore, ledger: EpochStore, unrewritten: Unrewritten
    ) -> None:
        self._conversations = conversations
        self._ledger = ledger
        self._unrewritten = unrewritten

    async def of(self, view: RequestView, known: QueryIntelligenceResult | None) -> Past:
        """``known`` spares the look for the conversation; without it, what this process knows to
        have passed as it came needs no ledger."""
        if known is None and self._unrewritten.proves(view):
            return Past(await _lineage(view), certain=False)
        try:
            return await self.recorded(view, known)
        except DatabaseUnavailable:
            if not self._unrewritten.proves(view):
                raise
            return Past(await _lineage(view), certain=False)

    async def recorded(
        self,
        view: RequestView,
        known: QueryIntelligenceResult | None = None,
        project: str = "",
    ) -> Past:
        """What the ledger says, and nothing else; ``project`` is that of a request that tells
        none."""
        hashes = await _lineage(view, project)
        place = _place(known) if known else await self._conversations.place(hashes)
        return Past(
            hashes,
            await self._epoch(place.applied, "on"),
            await self._epoch(place.observed, "observe"),
        )

    async def _epoch(self, name: bytes | None, kind: Kind) -> Epoch | None:
        if name is None:
            return None
        epoch = await self._ledger.get(name, kind)
        if epoch is None:
            # Gone for good, and the conversation must go on: the provider refuses thinking that
            # was bound to the rewritten history, and clients then send it without.
            _log.warning("an epoch is not in the ledger any more", chain=name.hex())
        return epoch


async def _lineage(view: RequestView, project: str = "") -> tuple[Hash, ...]:
    return await off_the_loop(len(view.body), lineage, TENANT, view, project)


def _place(known: QueryIntelligenceResult) -> Place:
    return Place(
        applied=bytes.fromhex(known.epoch) if known.epoch else None,
        observed=bytes.fromhex(known.observed) if known.observed else None,
    )
