"""The requests of this process by their id; those that came in elsewhere as they were captured."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from palimpsest.conversations.lookup import Arrival
from palimpsest.dialects.model import RequestView
from palimpsest.dialects.registry import DEFAULT
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.recorded_answer import recorded_pairs
from palimpsest.runtime.errors import PalimpsestError
from palimpsest.store.postgres.requests import RequestStore


class ExchangeRegistry:
    """Holds every exchange until nobody reads it and nobody writes it any more. ``directory`` is
    for the bytes of large answers."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._open: dict[str, Exchange] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    def get(self, request_id: str) -> Exchange | None:
        return self._open.get(request_id)

    def ids(self) -> list[str]:
        """The ids of all of them."""
        return list(self._open)

    def add(self, exchange: Exchange) -> None:
        """Let re-sends and activities find it by its id."""
        if not exchange.answer.size:
            exchange.answer.keep_in(self._directory)
        self._open[exchange.request_id] = exchange
        self._empty.clear()

    def on_forget(self, listener: Callable[[str], None]) -> None:
        """``listener`` is called with the id of each exchange that is forgotten."""
        self._listeners.append(listener)

    def forget(self, request_id: str) -> None:
        if self._open.pop(request_id, None) is not None:
            for listener in self._listeners:
                listener(request_id)
        if not self._open:
            self._empty.set()

    def forget_if_over(self, request_id: str) -> None:
        """Forget an exchange that nobody reads and nobody writes any more."""
        exchange = self._open.get(request_id)
        if exchange and exchange.is_over():
            self.forget(request_id)

    def fail(self, request_id: str, error: PalimpsestError) -> None:
        """Tell the client, if it is connected here, that no answer will come."""
        exchange = self._open.get(request_id)
        if exchange:
            exchange.fail(error)

    async def wait_until_empty(self) -> None:
        """Wait until every exchange is forgotten."""
        await self._empty.wait()


async def read_body(store: RequestStore, request_id: str) -> bytes:
    """The captured body, byte for byte as it came; raises NotFound or Expired."""
    stored = await store.read_body(request_id)
    return await asyncio.to_thread(stored.frame.rebuild, stored.messages)


async def read_view(store: RequestStore, request_id: str) -> RequestView:
    """The captured body as a view; raises NotFound or Expired."""
    return await asyncio.to_thread(DEFAULT.parse, await read_body(store, request_id))


async def read_arrival(
    request_id: str, exchanges: ExchangeRegistry, store: RequestStore
) -> Arrival:
    """A request as it came, without its credentials where it came in elsewhere; raises NotFound or
    Expired."""
    exchange = exchanges.get(request_id)
    if exchange:
        return exchange.arrival()
    view = await read_view(store, request_id)
    record = await store.read_request(request_id)
    return Arrival(request_id, view, recorded_pairs(record.headers), record.caller)
