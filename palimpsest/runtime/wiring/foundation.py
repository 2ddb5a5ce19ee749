"""Builds what every part of a process stands on: settings, stores, engine, provider."""

import asyncio
from contextlib import AsyncExitStack, suppress

from palimpsest.conversations.callers import Callers
from palimpsest.dialects.tokenizer import text_tokens
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.gateway.model import TENANT
from palimpsest.providers.headers import RawHeaders
from palimpsest.providers.route import route_of
from palimpsest.providers.upstream import Upstream, response_headers
from palimpsest.relay.link import Link, open_link
from palimpsest.runtime.errors import DatabaseUnavailable, StartupFailed
from palimpsest.runtime.heartbeat import Heartbeat
from palimpsest.runtime.local_token import local_token
from palimpsest.runtime.metrics import Metrics
from palimpsest.runtime.parts import Foundation, Stores
from palimpsest.runtime.process_identity import is_gone, own_name
from palimpsest.runtime.settings import Settings
from palimpsest.runtime.wiring.loops import run_loop
from palimpsest.store.postgres.callers import CallerStore
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.journal import Journal
from palimpsest.store.postgres.migrate import migrate
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.postgres.stats import StatsStore
from palimpsest.store.postgres.summaries import SummaryStore
from palimpsest.store.spill import Spill
from palimpsest.store.vault import Vault, vault_key
from palimpsest.temporal.bootstrap import bootstrap
from palimpsest.temporal.client import connect

_ASKED_WITH = frozenset((b"authorization", b"anthropic-version", b"anthropic-beta", b"user-agent"))
_ASKING_SECONDS = 3.0


async def build_foundation(settings: Settings, stack: AsyncExitStack, *, edge: bool) -> Foundation:
    """Connects, migrates, prepares the namespace, and shows a sign of life; all of it is undone
    when ``stack`` unwinds. Raises StartupFailed, DatabaseUnavailable or EngineUnavailable."""
    if settings.database_url is None or settings.temporal_address is None:
        raise StartupFailed("set DATABASE_URL and TEMPORAL_ADDRESS, or start all with `make up`")
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database_url, settings.engine_timeout)
    stack.push_async_callback(database.close)
    upstream = Upstream(
        settings.upstream_url,
        settings.connect_timeout,
        settings.first_byte_timeout,
        route_of(settings),
        local_token(settings.data_dir).encode(),
    )
    stack.push_async_callback(upstream.close)
    await migrate(database)
    # The first count loads the encoding; no request shall wait for it.
    await asyncio.to_thread(text_tokens, "warm")
    client = await connect(settings, settings.temporal_address)
    attributes = await bootstrap(client, settings.history_retention_days)
    answers = settings.data_dir / "answers"
    answers.mkdir(mode=0o700, exist_ok=True)
    exchanges = ExchangeRegistry(answers)
    owner = own_name()
    key = vault_key(settings.vault_key, settings.data_dir)
    stores = _build_stores(database, settings, key)
    link = await _open_link(settings, stack, key, exchanges, stores, owner if edge else None)
    return Foundation(
        settings=settings,
        owner=owner,
        metrics=Metrics(lambda: len(exchanges)),
        stores=stores,
        client=client,
        attributes=attributes,
        upstream=upstream,
        callers=_build_callers(database, upstream),
        exchanges=exchanges,
        heart=await _start_heart(database, owner, stack),
        link=link,
    )


def _build_stores(database: Database, settings: Settings, key: bytes) -> Stores:
    return Stores(
        database=database,
        requests=RequestStore(database),
        conversations=ConversationStore(database, TENANT),
        epochs=EpochStore(database, TENANT),
        summaries=SummaryStore(database, TENANT),
        journal=Journal(database),
        stats=StatsStore(database),
        vault=Vault(key),
        spill=Spill(settings.data_dir / "spill"),
    )


def _build_callers(database: Database, upstream: Upstream) -> Callers:
    async def ask(headers: RawHeaders) -> RawHeaders:
        """The list of models costs nothing, and its answer names the organisation."""
        needed = [pair for pair in headers if pair[0].lower() in _ASKED_WITH]
        async with asyncio.timeout(_ASKING_SECONDS):
            response = await upstream.send("GET", b"/v1/models?limit=1", needed, b"")
            await response.aclose()
        return response_headers(response)

    return Callers(CallerStore(database), ask)


async def _open_link(
    settings: Settings,
    stack: AsyncExitStack,
    key: bytes,
    exchanges: ExchangeRegistry,
    stores: Stores,
    edge: str | None,
) -> Link | None:
    if not settings.redis_url:
        return None
    return await stack.enter_async_context(
        open_link(settings.redis_url, key, exchanges, stores.requests, edge)
    )


async def _start_heart(database: Database, owner: str, stack: AsyncExitStack) -> Heartbeat:
    heart = Heartbeat(database, owner)
    await heart.start(is_gone)
    # It beats until the last call is over, and then says that nobody need wait for it.
    stack.push_async_callback(_stop_heart, heart)
    run_loop(stack, heart.run())
    return heart


async def _stop_heart(heart: Heartbeat) -> None:
    with suppress(DatabaseUnavailable):
        await heart.stop()
