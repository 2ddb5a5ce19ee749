"""What an outage of engine or database comes to: a refusal, or the request passes unmanaged."""

import asyncio

from starlette.responses import Response

from api.routes.passthrough import forward_unmanaged
from palimpsest.conversations.lineage import lineage
from palimpsest.exchanges.exchange import Exchange
from palimpsest.gateway.model import TENANT
from palimpsest.runtime.errors import (
    Draining,
    EngineUnavailable,
    Unavailable,
)
from palimpsest.runtime.parts import Process


async def pass_unmanaged(process: Process, exchange: Exchange, error: Unavailable) -> Response:
    """Raises ``error`` unless the settings allow to go on without a workflow, and only a request
    that cannot be part of a rewritten conversation: the provider would refuse the original."""
    allowed = process.settings.on_outage == "pass" and not isinstance(error, Draining)
    if not allowed or not await asyncio.to_thread(
        process.context.unchanged.proves_unchanged, exchange.view
    ):
        raise error
    part = "engine" if isinstance(error, EngineUnavailable) else "database"
    response = await forward_unmanaged(
        process, "POST", exchange.target, exchange.headers, exchange.view.body, why=part
    )
    process.context.unchanged.record(lineage(TENANT, exchange.view))
    response.raw_headers.append((b"x-palimpsest-unmanaged", part.encode()))
    return response
