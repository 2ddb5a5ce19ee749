"""The engine or the database is down: refuse, or pass the request through unmanaged."""

from starlette.responses import Response

from api.passthrough import relay
from api.proxy import Proxy
from errors import Draining, EngineUnavailable, Unavailable
from providers.exchange import Exchange


async def unmanaged(proxy: Proxy, exchange: Exchange, error: Unavailable) -> Response:
    """Raises ``error`` unless the settings allow to go on without a workflow, and only a request
    without a turn of the model: one with such turns may be part of a rewritten conversation,
    which its provider would refuse in the original."""
    allowed = proxy.settings.on_outage == "pass" and not isinstance(error, Draining)
    if not allowed or exchange.view.has_assistant_turn():
        raise error
    response = await relay(proxy, "POST", exchange.target, exchange.headers, exchange.view.body)
    part = "engine" if isinstance(error, EngineUnavailable) else "database"
    response.raw_headers.append((b"x-palimpsest-unmanaged", part.encode()))
    return response
