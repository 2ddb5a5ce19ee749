"""The composition root: builds every client and every part of a proxy process, and closes them."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from activities.close_request import CloseRequest
from activities.forward_upstream import ForwardUpstream
from activities.query_intelligence import QueryIntelligence
from activities.rewrite_context import RewriteContext
from activities.summarise_cut import SummariseCut
from api.admission import Admission
from api.proxy import Proxy
from palimpsest.context.options import Treatment, capped
from palimpsest.context.planner import Policy
from palimpsest.context.tokens import text_tokens
from palimpsest.conversations.epoch_lookup import PastReader
from palimpsest.conversations.lookup import Placing
from palimpsest.conversations.rewriter import ContextRules, Decider
from palimpsest.conversations.summaries import Summaries
from palimpsest.conversations.unchanged import Unrewritten
from palimpsest.exchanges.deliveries import Deliveries
from palimpsest.exchanges.disconnects import Departures
from palimpsest.exchanges.exchange import Exchanges
from palimpsest.forwarding.attempt import Wire
from palimpsest.forwarding.recovery import Recovery
from palimpsest.forwarding.retry import RetryLimits
from palimpsest.forwarding.side_call import SideCalls
from palimpsest.gateway.model import TENANT
from palimpsest.providers.upstream import Upstream
from palimpsest.relay.link import link
from palimpsest.runtime.errors import DatabaseUnavailable, StartupFailed
from palimpsest.runtime.heartbeat import Heartbeat
from palimpsest.runtime.local_token import local_token
from palimpsest.runtime.memory_wiring import build_wording, run_learning, run_memory
from palimpsest.runtime.metrics import Metrics
from palimpsest.runtime.process_identity import is_gone, own_name
from palimpsest.runtime.reconciler import Strays
from palimpsest.runtime.settings import Settings
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.journal import Journal
from palimpsest.store.postgres.migrate import migrate
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.postgres.retention import Retention
from palimpsest.store.postgres.stats import StatsStore
from palimpsest.store.postgres.summaries import SummaryStore
from palimpsest.store.spill import Spill
from palimpsest.store.vault import Vault, vault_key
from palimpsest.temporal.bootstrap import bootstrap
from palimpsest.temporal.client import connect
from palimpsest.temporal.starter import Starter
from palimpsest.temporal.worker import Activity, build_egress_worker, build_worker
from workflows.contracts import Deadlines

_ELSEWHERE_SECONDS = 3.0
"""Silence after which a call is made by another process; with the engine's own delays that is
under 5 s after a kill, and no sooner than the lease of the dead one is over."""

_LOCAL_SECONDS = 1.0
"""What is left to local activities when the worker of an edge stops."""


@asynccontextmanager
async def proxy_process(settings: Settings, *, edge: bool = True) -> AsyncGenerator[Proxy]:
    """Everything one process needs, with its workers running; needs TEMPORAL_ADDRESS and
    DATABASE_URL, which the supervisor sets for the embedded stack.

    An ``edge`` takes requests. Without REDIS_URL it also calls upstream, and a process that is no
    edge carries workflows only; with it, exactly the processes that are no edges call.
    """
    if settings.database_url is None or settings.temporal_address is None:
        raise StartupFailed("set DATABASE_URL and TEMPORAL_ADDRESS, or start all with `make up`")
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url, settings.engine_timeout)
        stack.push_async_callback(database.close)
        upstream = Upstream(
            settings.upstream_url, settings.connect_timeout, settings.first_byte_timeout
        )
        stack.push_async_callback(upstream.close)
        await migrate(database)
        # The first count loads the encoding; no request shall wait for it.
        await asyncio.to_thread(text_tokens, "warm")
        client = await connect(settings, settings.temporal_address)
        attributes = await bootstrap(client, settings.history_retention_days)
        exchanges = Exchanges()
        metrics = Metrics(lambda: len(exchanges))
        requests = RequestStore(database)
        journal = Journal(database)
        key = vault_key(settings.vault_key, settings.data_dir)
        vault = Vault(key)
        spill = Spill(settings.data_dir / "spill")
        owner = own_name()
        linked = None
        if settings.redis_url:
            linked = await stack.enter_async_context(
                link(settings.redis_url, key, exchanges, requests, owner if edge else None)
            )
        heart = Heartbeat(database, owner)
        await heart.start(is_gone)
        # It beats until the last call is over, and then says that nobody need wait for it.
        stack.push_async_callback(_stop_heart, heart)
        _run(stack, heart.run())
        wire = Wire(
            upstream=upstream,
            store=requests,
            journal=journal,
            spill=spill,
            metrics=metrics,
            limits=RetryLimits(settings.retry_attempts, settings.retry_total),
            idle_timeout=settings.idle_timeout,
        )
        relay = linked.relay if linked else None
        egress = linked is not None and not edge
        recovery = Recovery(exchanges, requests, vault, metrics, for_edges=egress)
        conversations = ConversationStore(database, TENANT)
        ledger = EpochStore(database, TENANT)
        known = await stack.enter_async_context(run_memory(settings, database, metrics))
        forward = ForwardUpstream(
            exchanges, recovery, wire, heart, relay if egress else None, ledger=ledger
        )
        unrewritten = Unrewritten(TENANT)
        past = PastReader(conversations, ledger, unrewritten)
        placing = Placing(exchanges, conversations)
        summaries = SummaryStore(database, TENANT)
        model = settings.summariser
        decider = Decider(
            _context_rules(settings),
            ledger,
            metrics,
            Summaries(summaries) if model else None,
        )
        calls: list[Activity] = [forward.run]
        if model:
            side = SideCalls(upstream, metrics)
            summarise = SummariseCut(
                recovery, past, decider, summaries, side, metrics, model=model, owner=owner
            )
            calls.append(summarise.run)
        worker = build_worker(
            client,
            settings.task_queue,
            [
                QueryIntelligence(
                    exchanges, requests, placing, conversations, ledger, known.injector
                ).run,
                RewriteContext(
                    exchanges, requests, past, decider, metrics, unrewritten, known.injector
                ).run,
                *calls,
                CloseRequest(exchanges, requests, metrics, relay).run,
            ],
            concurrency=settings.max_concurrent_requests,
            # An edge has drained by then: what still runs is handed over.
            graceful=_LOCAL_SECONDS if edge else settings.drain_timeout,
            remote_activities=edge and linked is None,
        )
        starter = Starter(
            client,
            settings.task_queue,
            Deadlines(heartbeat=_ELSEWHERE_SECONDS) if linked else Deadlines(),
            settings.engine_timeout,
            attributes=attributes,
            egress_queue=_egress_queue(settings) if linked else None,
        )
        deliveries = Deliveries(requests, owner, settings.client_gone_grace)
        departures = Departures(
            exchanges,
            requests,
            deliveries,
            owner,
            settings.client_gone_grace,
            linked.control if linked else None,
        )
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
            departures=departures,
            deliveries=deliveries,
            journal=journal,
            vault=vault,
            owner=owner,
            unrewritten=unrewritten,
            past=past,
            placing=placing,
            conversations=conversations,
            ledger=ledger,
            memory=known,
            following=linked.following if linked else None,
        )
        strays = Strays(requests, exchanges, starter, spill, heart)
        await strays.commit_spilled()
        retention = Retention(database, settings.retention_days, settings.capture_max_bytes)
        await stack.enter_async_context(worker)
        if settings.learning == "on" and (linked is None or not edge):
            words = build_wording(settings, database, known, upstream, metrics, owner)
            await stack.enter_async_context(
                run_learning(settings, database, client, known, requests, ledger, words)
            )
        if egress:
            egress_worker = build_egress_worker(
                client,
                _egress_queue(settings),
                calls,
                concurrency=settings.max_concurrent_requests,
                graceful=settings.drain_timeout,
            )
            await stack.enter_async_context(egress_worker)
        stack.push_async_callback(_flush, deliveries)
        for loop in (deliveries.run(), strays.run(), retention.run()):
            _run(stack, loop)
        yield proxy


def _context_rules(settings: Settings) -> ContextRules:
    return ContextRules(
        Treatment(settings.context, capped(settings.context_cap)),
        Policy(
            keep=settings.context_keep,
            target=settings.context_target,
            thrift=settings.context_thrift,
        ),
        settings.context_window,
        settings.thinking_escape,
    )


def _egress_queue(settings: Settings) -> str:
    return f"{settings.task_queue}-egress"


def _run(stack: AsyncExitStack, loop: Coroutine[None, None, None]) -> None:
    """Run a loop until the stack unwinds to here."""
    stack.callback(asyncio.create_task(loop).cancel)


async def _stop_heart(heart: Heartbeat) -> None:
    with suppress(DatabaseUnavailable):
        await heart.stop()


async def _flush(deliveries: Deliveries) -> None:
    with suppress(DatabaseUnavailable):
        await deliveries.flush(all_of_them=True)
