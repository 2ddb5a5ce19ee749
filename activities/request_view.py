"""The view of a request: from memory where it came in, else rebuilt from what was captured."""

import asyncio

from context.view import RequestView, parse
from providers.exchange import Exchanges
from store.requests import RequestStore


async def request_view(request_id: str, exchanges: Exchanges, store: RequestStore) -> RequestView:
    exchange = exchanges.get(request_id)
    if exchange:
        return exchange.view
    return await asyncio.to_thread(parse, await store.body(request_id))
