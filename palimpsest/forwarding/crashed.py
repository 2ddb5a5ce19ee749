"""What a call cost whose process died: from what it had put into the journal, else by the plan."""

from contextlib import suppress

from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.model import Outcome
from palimpsest.forwarding.model import Lease
from palimpsest.forwarding.settlement import usage_json
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.journal import Journal
from palimpsest.store.postgres.requests import RequestStore


async def estimate_crashed(
    store: RequestStore, journal: Journal, exchange: Exchange, lease: Lease, planned: int | None
) -> None:
    """Write the estimated usage of the attempt before ``lease`` if that was closed as unknown;
    ``planned`` tokens are its prompt as far as we know. Nothing waits for a database that is
    away."""
    with suppress(DatabaseUnavailable):
        if await store.is_unknown(exchange.request_id, lease.number - 1):
            received = await journal.content(exchange.request_id, fence=lease.fence - 1)
            usage = usage_json(_read(received, exchange), Outcome.BROKEN, planned)
            await store.estimate(exchange.request_id, lease.number - 1, usage)


def _read(received: bytes, exchange: Exchange) -> AnswerReader:
    """Its headers died with it; a compressed answer tells nothing then."""
    reader = AnswerReader()
    reader.headers("text/event-stream" if exchange.view.stream else "application/json")
    reader.feed(received)
    reader.close()
    return reader
