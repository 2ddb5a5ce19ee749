"""Carrying on a request whose process died: its body from the database, its headers from the
vault."""

import asyncio

from context.view import parse
from errors import CredentialsLost
from metrics import Metrics
from providers.exchange import Exchange, Exchanges
from store.requests import RequestStore
from store.vault import Vault


class Recovery:
    """Makes the exchange of a request that came in elsewhere."""

    def __init__(
        self, exchanges: Exchanges, requests: RequestStore, vault: Vault, metrics: Metrics
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._vault = vault
        self._metrics = metrics

    async def exchange(self, request_id: str) -> Exchange:
        """The exchange, open in this process from now on; raises CredentialsLost without one."""
        sealed = await self._requests.sealed(request_id)
        if sealed is None:
            raise CredentialsLost(
                "the process that held this request is gone and its credentials have expired; "
                "send it again"
            )
        content = self._vault.open(request_id, sealed)
        view = await asyncio.to_thread(parse, await self._requests.body(request_id))
        # A re-send may have brought the request back to this process in the meantime.
        known = self._exchanges.get(request_id)
        if known is not None:
            return known
        exchange = Exchange(request_id, view, content.target, content.headers, recovered=True)
        self._exchanges.add(exchange)
        self._metrics.recovered.inc()
        return exchange
