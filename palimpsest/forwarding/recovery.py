"""Carrying on a request that came in elsewhere, where that is the rule or because its process
died: its body from the database, its headers from the vault."""

import asyncio
import time

from palimpsest.dialects.anthropic.view import parse
from palimpsest.exchanges.exchange import Exchange, Exchanges
from palimpsest.runtime.errors import CredentialsLost
from palimpsest.runtime.metrics import Metrics
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.vault import Vault


class Recovery:
    """Makes the exchange of a request that came in elsewhere. ``for_edges``: this process calls
    for edges that do not, so that only an interrupted call is a recovery."""

    def __init__(
        self,
        exchanges: Exchanges,
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

    async def exchange(self, request_id: str) -> Exchange:
        """The exchange, open in this process from now on; raises CredentialsLost without one."""
        exchange, interrupted = await self._restored(request_id)
        # A re-send may have brought the request back to this process in the meantime.
        known = self._exchanges.get(request_id)
        if known is not None:
            return known
        self._exchanges.add(exchange)
        if interrupted or not self._for_edges:
            self._metrics.recovered.inc()
        return exchange

    async def glance(self, request_id: str) -> Exchange:
        """The exchange as it is or would be here, for a call beside the request's own; raises
        CredentialsLost without one."""
        return self._exchanges.get(request_id) or (await self._restored(request_id))[0]

    async def _restored(self, request_id: str) -> tuple[Exchange, bool]:
        """The exchange anew, and whether a call of it was interrupted."""
        kept = await self._requests.kept(request_id)
        if kept is None:
            raise CredentialsLost(
                "the process that held this request is gone and its credentials have expired; "
                "send it again"
            )
        content = self._vault.open(request_id, kept.sealed)
        view = await asyncio.to_thread(parse, await self._requests.body(request_id))
        exchange = Exchange(
            request_id,
            view,
            content.target,
            content.headers,
            received=time.perf_counter() - kept.age,
            recovered=not self._for_edges,
        )
        return exchange, kept.interrupted
