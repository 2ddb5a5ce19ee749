"""Finds the conversation that a request continues, and memories for a turn of a person."""

import time
from collections.abc import Sequence
from dataclasses import replace

from temporalio import activity

from palimpsest.conversations.compaction import is_compacted
from palimpsest.conversations.lineage import session_of
from palimpsest.conversations.lookup import ConversationLookup
from palimpsest.conversations.model import Place
from palimpsest.dialects.model import RequestView
from palimpsest.exchanges.registry import ExchangeRegistry, request_headers, request_view
from palimpsest.gateway.model import TENANT
from palimpsest.memory.injector import ConversationState, Injector, LookupResult
from palimpsest.runtime.hash_chain import Hash
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.requests import RequestStore
from workflows.contracts import QUERY_INTELLIGENCE, QueryIntelligenceInput, QueryIntelligenceResult


class QueryIntelligence:
    """The activity; finds the conversation by lineage and the memories that bear on it."""

    def __init__(
        self,
        exchanges: ExchangeRegistry,
        requests: RequestStore,
        lookup: ConversationLookup,
        conversations: ConversationStore,
        epochs: EpochStore,
        injector: Injector,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._lookup = lookup
        self._conversations = conversations
        self._epochs = epochs
        self._injector = injector

    @activity.defn(name=QUERY_INTELLIGENCE)
    async def run(self, query: QueryIntelligenceInput) -> QueryIntelligenceResult:
        started = time.perf_counter()
        view = await request_view(query.request_id, self._exchanges, self._requests)
        placement = await self._lookup.find(query.request_id, view)
        exchange = self._exchanges.get(query.request_id)
        if exchange:
            exchange.place(placement)
        project, hashes, place = placement.project, placement.chain, placement.place
        if place.conversation_id is None:
            place = await self._compacted(query.request_id, view, place)
        conversation = place.conversation_id or _new_id(query.request_id)
        looked = await self._look(query.request_id, view, conversation, project, hashes, place)
        return QueryIntelligenceResult(
            conversation_id=conversation,
            turn=place.turn + 1,
            chain=hashes[-1].hex(),
            token_ratio=place.token_ratio,
            took_ms=(time.perf_counter() - started) * 1000,
            idle=place.idle,
            epoch=place.applied.hex() if place.applied else None,
            observed=place.observed.hex() if place.observed else None,
            project=project,
            memories=looked.memories if looked else (),
            recall=looked.status if looked else None,
        )

    async def _look(
        self,
        request_id: str,
        view: RequestView,
        conversation: str,
        project: str,
        hashes: Sequence[Hash],
        place: Place,
    ) -> LookupResult | None:
        """None where injection is off."""
        headers = await request_headers(request_id, self._exchanges, self._requests)
        epoch = await self._epochs.get(place.applied, "on") if place.applied else None
        state = ConversationState(conversation, project, hashes, epoch)
        return await self._injector.find(view, headers, state)

    async def _compacted(self, request_id: str, view: RequestView, place: Place) -> Place:
        """After the client's own compaction the history is another one, but not the conversation:
        it goes on as a new branch, of which nothing was sent yet."""
        if not await off_the_loop(len(view.body), is_compacted, view):
            return place
        headers = await request_headers(request_id, self._exchanges, self._requests)
        session = session_of(TENANT, view, headers)
        if session is None:
            return place
        known = await self._conversations.find_session_place(session)
        return replace(known, applied=place.applied, observed=place.observed)


def _new_id(request_id: str) -> str:
    """A conversation is named after its first request, so that a second run names it the same."""
    return "conv_" + request_id.removeprefix("req_")
