"""Finds the conversation that a request continues, and memories for a turn of a person."""

import time
from dataclasses import replace

from temporalio import activity

from palimpsest.conversations.compaction import is_compacted
from palimpsest.conversations.lineage import session_of
from palimpsest.conversations.lookup import ConversationLookup
from palimpsest.conversations.model import Place
from palimpsest.dialects.model import RequestView
from palimpsest.exchanges.registry import ExchangeRegistry, read_arrival
from palimpsest.gateway.model import TENANT
from palimpsest.memory.injector import ConversationState, Injector
from palimpsest.providers.headers import RawHeaders
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
        arrival = await read_arrival(query.request_id, self._exchanges, self._requests)
        view, headers, caller = arrival.view, arrival.headers, arrival.caller
        placement = await self._lookup.find(arrival)
        exchange = self._exchanges.get(query.request_id)
        if exchange:
            exchange.place(placement)
        place, lineage = placement.place, placement.lineage
        if place.conversation_id is None:
            place = await self._compacted(view, headers, caller, place)
        conversation = place.conversation_id or _new_id(query.request_id)
        chain = lineage.chain(placement.origin)
        epoch = await self._epochs.get(place.applied, "on") if place.applied else None
        state = ConversationState(
            conversation, placement.project, caller, chain, lineage.history, epoch
        )
        looked = await self._injector.find(view, headers, state)
        return QueryIntelligenceResult(
            conversation_id=conversation,
            turn=place.turn + 1,
            chain=chain[-1].hex(),
            token_ratio=place.token_ratio,
            took_ms=(time.perf_counter() - started) * 1000,
            idle=place.idle,
            epoch=place.applied.hex() if place.applied else None,
            observed=place.observed.hex() if place.observed else None,
            project=placement.project,
            memories=looked.memories if looked else (),
            recall=looked.status if looked else None,
            history=lineage.history[-1].hex(),
            origin=placement.origin.hex(),
        )

    async def _compacted(
        self, view: RequestView, headers: RawHeaders, caller: str, place: Place
    ) -> Place:
        """After the client's own compaction the history is another one, but not the conversation:
        it goes on as a new branch, of which nothing was sent yet."""
        if not await off_the_loop(view.weight, is_compacted, view):
            return place
        session = session_of(TENANT, view, headers)
        if session is None:
            return place
        known = await self._conversations.find_session_place(session, caller)
        return replace(known, applied=place.applied, observed=place.observed)


def _new_id(request_id: str) -> str:
    """A conversation is named after its first request, so that a second run names it the same."""
    return "conv_" + request_id.removeprefix("req_")
