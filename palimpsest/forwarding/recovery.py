"""Carrying on a request that came in elsewhere, where that is the rule or because its process
died: its body from the database, its headers from the vault."""

import time
from contextlib import suppress

from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.model import Outcome
from palimpsest.exchanges.registry import ExchangeRegistry, read_view
from palimpsest.forwarding.model import Lease
from palimpsest.forwarding.settlement import usage_json
from palimpsest.runtime.errors import CredentialsLost, DatabaseUnavailable
from palimpsest.runtime.metrics import Metrics
from palimpsest.store.postgres.journal import Journal
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.vault import Vault


class Recovery:
    """Makes the exchange of a request that came in elsewhere. ``for_edges``: this process calls
    for edges that do not, so that only an interrupted call is a recovery."""

    def __init__(
        self,
        exchanges: ExchangeRegistry,
        requests: RequestStore,
        vault: Vault,
        metrics: Metrics,
        *,
        for_edges: bool = False,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._vault = vault
        self._metrics = metrics
        self._for_edges = for_edges

    async def recover(self, request_id: str) -> Exchange:
        """The exchange, open in this process from now on; raises CredentialsLost without one."""
        exchange, interrupted = await self._restore(request_id)
        # A re-send may have brought the request back to this process in the meantime.
        known = self._exchanges.get(request_id)
        if known is not None:
            return known
        self._exchanges.add(exchange)
        if interrupted or not self._for_edges:
            self._metrics.recovered.inc()
        return exchange

    async def peek(self, request_id: str) -> Exchange:
        """The exchange as it is or would be here, for a call beside the request's own; raises
        CredentialsLost without one."""
        return self._exchanges.get(request_id) or (await self._restore(request_id))[0]

    async def _restore(self, request_id: str) -> tuple[Exchange, bool]:
        """The exchange anew, and whether a call of it was interrupted."""
        kept = await self._requests.read_credentials(request_id)
        if kept is None:
            raise CredentialsLost(
                "the process that held this request is gone and its credentials have expired; "
                "send it again"
            )
        content = self._vault.open(request_id, kept.sealed)
        view = await read_view(self._requests, request_id)
        exchange = Exchange(
            request_id,
            view,
            content.target,
            content.headers,
            time.perf_counter() - kept.age,
            recovered=not self._for_edges,
            caller=kept.caller,
        )
        return exchange, kept.interrupted


async def estimate_crashed(
    store: RequestStore, journal: Journal, exchange: Exchange, lease: Lease, planned: int | None
) -> None:
    """Write the estimated usage of the attempt before ``lease`` if that was closed as unknown;
    ``planned`` tokens are its prompt as far as we know. Nothing waits for a database that is
    away."""
    with suppress(DatabaseUnavailable):
        if await store.lacks_usage(exchange.request_id, lease.number - 1):
            received = await journal.read_content(exchange.request_id, fence=lease.fence - 1)
            usage = usage_json(_read_journal(received, exchange), Outcome.BROKEN, planned)
            await store.record_estimate(exchange.request_id, lease.number - 1, usage)


def _read_journal(received: bytes, exchange: Exchange) -> AnswerReader:
    """Its headers died with it; a compressed answer tells nothing then."""
    reader = AnswerReader()
    reader.headers("text/event-stream" if exchange.view.stream else "application/json")
    reader.feed(received)
    reader.close()
    return reader
