"""A request as it came: from memory where it came in, else rebuilt from what was captured."""

import asyncio

from palimpsest.dialects.model import RequestView
from palimpsest.dialects.registry import DEFAULT
from palimpsest.exchanges.recorded_answer import recorded_pairs
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.providers.headers import RawHeaders
from palimpsest.store.postgres.requests import RequestStore


async def read_body(store: RequestStore, request_id: str) -> bytes:
    """The captured body, byte for byte as it came; raises NotFound or Expired."""
    stored = await store.read_body(request_id)
    return await asyncio.to_thread(stored.frame.rebuild, stored.messages)


async def read_view(store: RequestStore, request_id: str) -> RequestView:
    """The captured body as a view; raises NotFound or Expired."""
    return await asyncio.to_thread(DEFAULT.parse, await read_body(store, request_id))


async def request_view(
    request_id: str, exchanges: ExchangeRegistry, store: RequestStore
) -> RequestView:
    exchange = exchanges.get(request_id)
    if exchange:
        return exchange.view
    return await read_view(store, request_id)


async def request_headers(
    request_id: str, exchanges: ExchangeRegistry, store: RequestStore
) -> RawHeaders:
    """Without its credentials where it came in elsewhere."""
    exchange = exchanges.get(request_id)
    if exchange:
        return exchange.headers
    return recorded_pairs((await store.read_request(request_id)).headers)
