"""The composition root: builds every client and every part of a proxy process, and closes them."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from activities.close_request import CloseRequest
from activities.forward_upstream import ForwardUpstream
from activities.query_intelligence import QueryIntelligence
from activities.rewrite_context import RewriteContext
from api.admission import Admission
from api.deliveries import Deliveries
from api.departures import Departures
from api.proxy import Proxy
from engine.bootstrap import bootstrap
from engine.connect import connect
from engine.starter import Starter
from engine.strays import Strays
from engine.worker import build_worker
from errors import DatabaseUnavailable, StartupFailed
from metrics import Metrics
from providers.attempt import Wire
from providers.exchange import Exchanges
from providers.recovery import Recovery
from providers.retry import RetryLimits
from providers.upstream import Upstream
from settings import Settings
from stack.local_token import local_token
from store.conversations import ConversationStore
from store.database import Database
from store.journal import Journal
from store.migrate import migrate
from store.processes import Heart
from store.requests import RequestStore
from store.retention import Retention
from store.spill import Spill
from store.stats import StatsStore
from store.vault import Vault, vault_key
from workflows.contracts import Deadlines


@asynccontextmanager
async def proxy_process(
    settings: Settings, *, remote_activities: bool = True
) -> AsyncGenerator[Proxy]:
    """Everything one process needs, with its worker running; needs TEMPORAL_ADDRESS and
    DATABASE_URL, which the supervisor sets for the embedded stack."""
    if settings.database_url is None or settings.temporal_address is None:
        raise StartupFailed("set DATABASE_URL and TEMPORAL_ADDRESS, or start all with `make up`")
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database_url, settings.engine_timeout)
    upstream = Upstream(
        settings.upstream_url, settings.connect_timeout, settings.first_byte_timeout
    )
    try:
        await migrate(database)
        client = await connect(settings, settings.temporal_address)
        attributes = await bootstrap(client, settings.history_retention_days)
        exchanges = Exchanges()
        metrics = Metrics(lambda: len(exchanges))
        requests = RequestStore(database)
        journal = Journal(database)
        vault = Vault(vault_key(settings.vault_key, settings.data_dir))
        spill = Spill(settings.data_dir / "spill")
        owner = _owner()
        heart = Heart(database, owner)
        await heart.beat()
        wire = Wire(
            upstream=upstream,
            store=requests,
            journal=journal,
            spill=spill,
            metrics=metrics,
            limits=RetryLimits(settings.retry_attempts, settings.retry_total),
            idle_timeout=settings.idle_timeout,
        )
        worker = build_worker(
            client,
            settings.task_queue,
            [
                QueryIntelligence(exchanges, requests, ConversationStore(database)).run,
                RewriteContext(exchanges, requests, metrics, settings.context_window).run,
                ForwardUpstream(
                    exchanges, Recovery(exchanges, requests, vault, metrics), wire, owner
                ).run,
                CloseRequest(exchanges, requests, metrics).run,
            ],
            concurrency=settings.max_concurrent_requests,
            graceful=settings.drain_timeout,
            remote_activities=remote_activities,
        )
        starter = Starter(
            client,
            settings.task_queue,
            Deadlines(),
            settings.engine_timeout,
            attributes=attributes,
        )
        deliveries = Deliveries(requests, owner)
        proxy = Proxy(
            settings=settings,
            database=database,
            requests=requests,
            stats=StatsStore(database),
            exchanges=exchanges,
            upstream=upstream,
            metrics=metrics,
            starter=starter,
            worker=worker,
            admission=Admission(
                settings.allowed_hosts,
                settings.host,
                local_token(settings.data_dir),
                settings.max_body_bytes,
            ),
            departures=Departures(
                exchanges, requests, deliveries, owner, settings.client_gone_grace
            ),
            deliveries=deliveries,
            journal=journal,
            vault=vault,
            owner=owner,
        )
        strays = Strays(requests, exchanges, starter, spill)
        await strays.commit_spilled()
        loops = (
            heart.run(),
            deliveries.run(),
            strays.run(),
            Retention(database, settings.retention_days, settings.capture_max_bytes).run(),
        )
        async with worker:
            tasks = [asyncio.create_task(loop) for loop in loops]
            try:
                yield proxy
            finally:
                for task in tasks:
                    task.cancel()
                with suppress(DatabaseUnavailable):
                    await deliveries.flush(all_of_them=True)
    finally:
        await upstream.close()
        await database.close()


def _owner() -> str:
    """A name that no other process has, nor a later one with the same pid."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
