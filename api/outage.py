"""The engine or the database is down: refuse, or pass the request through unmanaged."""

import asyncio
import shutil
from pathlib import Path

from starlette.responses import Response

from api.proxy import Proxy
from api.routes.passthrough import relay
from palimpsest.conversations.project import lineage
from palimpsest.exchanges.exchange import Exchange
from palimpsest.gateway.model import TENANT
from palimpsest.runtime.errors import (
    Draining,
    EngineUnavailable,
    PalimpsestError,
    Unavailable,
)

_LITTLE_ROOM = 16 * 1024 * 1024


async def unmanaged(proxy: Proxy, exchange: Exchange, error: Unavailable) -> Response:
    """Raises ``error`` unless the settings allow to go on without a workflow, and only a request
    that cannot be part of a rewritten conversation: the provider would refuse the original."""
    allowed = proxy.settings.on_outage == "pass" and not isinstance(error, Draining)
    if not allowed or not await asyncio.to_thread(proxy.unrewritten.proves, exchange.view):
        raise error
    part = "engine" if isinstance(error, EngineUnavailable) else "database"
    response = await relay(
        proxy, "POST", exchange.target, exchange.headers, exchange.view.body, why=part
    )
    proxy.unrewritten.passed(lineage(TENANT, exchange.view))
    response.raw_headers.append((b"x-palimpsest-unmanaged", part.encode()))
    return response


def explained(error: PalimpsestError, data_dir: Path) -> PalimpsestError:
    """An embedded engine whose disk is full says that its shards are not there."""
    if isinstance(error, EngineUnavailable) and shutil.disk_usage(data_dir).free < _LITTLE_ROOM:
        return EngineUnavailable(
            f"the disk that holds {data_dir} is full; free some room and send it again"
        )
    return error
