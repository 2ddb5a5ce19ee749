"""What an outage of engine or database comes to, and a request that no column takes: a refusal, or
it passes unmanaged."""

from starlette.responses import Response

from api.routes.passthrough import forward_unmanaged
from palimpsest.conversations.lookup import Arrival
from palimpsest.exchanges.exchange import Exchange
from palimpsest.runtime.errors import (
    Draining,
    EngineUnavailable,
    Unavailable,
    Unstorable,
)
from palimpsest.runtime.parts import Process

_WHY: dict[type[Exception], str] = {EngineUnavailable: "engine", Unstorable: "unstorable"}


async def pass_unmanaged(
    process: Process, exchange: Exchange, error: Unavailable | Unstorable
) -> Response:
    """Raises ``error`` unless the settings allow to go on without a workflow, and only a request
    that cannot be part of a rewritten conversation: the provider would refuse the original."""
    wanted = isinstance(error, Unstorable) or process.settings.on_outage == "pass"
    if not wanted or isinstance(error, Draining):
        raise error
    caller = exchange.caller or process.context.callers.identify_at_once(exchange.headers)
    arrival = Arrival(exchange.request_id, exchange.view, exchange.headers, caller)
    lineage = await arrival.trace()
    if not process.context.unchanged.proves_unchanged(exchange.view, lineage):
        raise error
    part = _WHY.get(type(error), "database")
    headers, body = exchange.outgoing()
    stream = exchange.request_id if exchange.view.stream else None
    response = await forward_unmanaged(
        process, "POST", exchange.target, headers, body, why=part, stream=stream
    )
    process.context.unchanged.record(lineage)
    response.raw_headers.append((b"x-palimpsest-unmanaged", part.encode()))
    return response
