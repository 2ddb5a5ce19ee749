"""The composition root: builds every client and every part of a proxy process, and closes them."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from activities.close_request import CloseRequest
from activities.forward_upstream import ForwardUpstream
from activities.query_intelligence import QueryIntelligence
from activities.rewrite_context import RewriteContext
from api.admission import Admission
from api.departures import Departures
from api.proxy import Proxy
from context.tokens import text_tokens
from engine.bootstrap import bootstrap
from engine.connect import connect
from engine.starter import Starter
from engine.worker import build_worker
from errors import StartupFailed
from metrics import Metrics
from providers.attempt import Wire
from providers.exchange import Exchanges
from providers.retry import RetryLimits
from providers.upstream import Upstream
from settings import Settings
from stack.local_token import local_token
from store.conversations import ConversationStore
from store.database import Database
from store.migrate import migrate
from store.requests import RequestStore
from store.retention import Retention
from store.stats import StatsStore
from workflows.contracts import Deadlines


@asynccontextmanager
async def proxy_process(
    settings: Settings, *, remote_activities: bool = True
) -> AsyncGenerator[Proxy]:
    """Everything one process needs, with its worker running; needs TEMPORAL_ADDRESS and
    DATABASE_URL, which the supervisor sets for the embedded stack."""
    if settings.database_url is None or settings.temporal_address is None:
        raise StartupFailed("set DATABASE_URL and TEMPORAL_ADDRESS, or start all with `make up`")
    database = Database(settings.database_url, settings.engine_timeout)
    upstream = Upstream(
        settings.upstream_url, settings.connect_timeout, settings.first_byte_timeout
    )
    try:
        await migrate(database)
        # The first count loads the encoding; no request shall wait for it.
        await asyncio.to_thread(text_tokens, "warm")
        client = await connect(settings, settings.temporal_address)
        attributes = await bootstrap(client, settings.history_retention_days)
        exchanges = Exchanges()
        metrics = Metrics(lambda: len(exchanges))
        requests = RequestStore(database)
        wire = Wire(
            upstream=upstream,
            store=requests,
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
                ForwardUpstream(exchanges, wire, _owner()).run,
                CloseRequest(exchanges, requests, metrics).run,
            ],
            concurrency=settings.max_concurrent_requests,
            graceful=settings.drain_timeout,
            remote_activities=remote_activities,
        )
        proxy = Proxy(
            settings=settings,
            database=database,
            requests=requests,
            stats=StatsStore(database),
            exchanges=exchanges,
            upstream=upstream,
            metrics=metrics,
            starter=Starter(
                client,
                settings.task_queue,
                Deadlines(),
                settings.engine_timeout,
                attributes=attributes,
            ),
            worker=worker,
            admission=Admission(
                settings.allowed_hosts,
                settings.host,
                local_token(settings.data_dir),
                settings.max_body_bytes,
            ),
            departures=Departures(exchanges, requests, settings.client_gone_grace),
        )
        async with worker:
            sweeping = asyncio.create_task(
                Retention(database, settings.retention_days, settings.capture_max_bytes).run()
            )
            try:
                yield proxy
            finally:
                sweeping.cancel()
    finally:
        await upstream.close()
        await database.close()


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
