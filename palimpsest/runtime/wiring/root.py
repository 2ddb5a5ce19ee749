"""The composition root: builds every part of a proxy process, and closes them."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from palimpsest.exchanges.disconnects import Deliveries
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.runtime.parts import Edge, Foundation, MemoryParts, Process
from palimpsest.runtime.reconciler import Reconciler
from palimpsest.runtime.settings import Settings
from palimpsest.runtime.wiring.context import build_context
from palimpsest.runtime.wiring.edge import build_edge
from palimpsest.runtime.wiring.forwarding import build_forwarding
from palimpsest.runtime.wiring.foundation import build_foundation
from palimpsest.runtime.wiring.loops import run_loop
from palimpsest.runtime.wiring.memory import build_wording, run_learning, run_memory
from palimpsest.runtime.wiring.workers import (
    build_calling_activities,
    build_local_activities,
    build_starter,
    egress_queue,
)
from palimpsest.store.postgres.retention import Retention
from palimpsest.temporal.starter import Starter
from palimpsest.temporal.worker import build_egress_worker, build_worker

_LOCAL_SECONDS = 1.0
"""What is left to local activities when the worker of an edge stops."""


@asynccontextmanager
async def proxy_process(settings: Settings, *, edge: bool = True) -> AsyncGenerator[Process]:
    """Everything one process needs, with its workers running; needs TEMPORAL_ADDRESS and
    DATABASE_URL, which the supervisor sets for the embedded stack.

    An ``edge`` takes requests. Without REDIS_URL it also calls upstream, and a process that is no
    edge carries workflows only; with it, exactly the processes that are no edges call.
    """
    async with AsyncExitStack() as stack:
        base = await build_foundation(settings, stack, edge=edge)
        calls_for_edges = base.link is not None and not edge
        context = build_context(base)
        forwarding = build_forwarding(base, for_edges=calls_for_edges)
        memory = await stack.enter_async_context(
            run_memory(settings, base.stores.database, base.metrics)
        )
        calling = build_calling_activities(base, context, forwarding)
        worker = build_worker(
            base.client,
            settings.task_queue,
            [*build_local_activities(base, context, memory.injector), *calling],
            concurrency=settings.max_concurrent_requests,
            # An edge has drained by then: what still runs is handed over.
            graceful=_LOCAL_SECONDS if edge else settings.drain_timeout,
            remote_activities=edge and base.link is None,
        )
        starter = build_starter(base)
        clients = build_edge(base, context, starter)
        reconciler = await _reconciler(base, starter)
        await stack.enter_async_context(worker)
        await _start_learning(base, memory, stack, edge=edge)
        if calls_for_edges:
            egress = build_egress_worker(
                base.client,
                egress_queue(settings),
                calling,
                concurrency=settings.max_concurrent_requests,
                graceful=settings.drain_timeout,
            )
            await stack.enter_async_context(egress)
        _run_loops(base, clients, reconciler, stack)
        yield Process(
            settings=settings,
            owner=base.owner,
            metrics=base.metrics,
            stores=base.stores,
            exchanges=base.exchanges,
            upstream=base.upstream,
            context=context,
            memory=memory,
            edge=clients,
            starter=starter,
            worker=worker,
        )


async def _reconciler(base: Foundation, starter: Starter) -> Reconciler:
    """Ends that wait on disk are committed before anything is carried on."""
    stores = base.stores
    reconciler = Reconciler(stores.requests, base.exchanges, starter, stores.spill, base.heart)
    await reconciler.commit_spilled()
    return reconciler


async def _start_learning(
    base: Foundation, memory: MemoryParts, stack: AsyncExitStack, *, edge: bool
) -> None:
    settings, stores = base.settings, base.stores
    if settings.learning != "on" or (base.link is not None and edge):
        return
    words = build_wording(
        settings, stores.database, memory, base.upstream, base.metrics, base.owner
    )
    await stack.enter_async_context(
        run_learning(
            settings, stores.database, base.client, memory, stores.requests, stores.epochs, words
        )
    )


def _run_loops(
    base: Foundation, clients: Edge, reconciler: Reconciler, stack: AsyncExitStack
) -> None:
    settings = base.settings
    retention = Retention(base.stores.database, settings.retention_days, settings.capture_max_bytes)
    stack.push_async_callback(_flush, clients.deliveries)
    for loop in (clients.deliveries.run(), reconciler.run(), retention.run()):
        run_loop(stack, loop)


async def _flush(deliveries: Deliveries) -> None:
    with suppress(DatabaseUnavailable):
        await deliveries.flush(closing=True)
