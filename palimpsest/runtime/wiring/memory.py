"""Builds the parts for memories, their index, their injection, and learning."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from temporalio.client import Client

from activities.archive_segment import ArchiveSegment
from activities.learn_from_segment import LearnFromSegment
from activities.word_learned import WordLearned, credentials
from palimpsest.context.model import ContextMode
from palimpsest.context.options import ContextOptions, parse_cap
from palimpsest.forwarding.side_call import SideCalls
from palimpsest.gateway.model import TENANT
from palimpsest.learning.expiry import Expiry
from palimpsest.learning.scheduler import LearningScheduler
from palimpsest.learning.segment_reader import SegmentReader
from palimpsest.memory.embedders import build_embedder
from palimpsest.memory.embedding import Embedder
from palimpsest.memory.indexer import Indexer
from palimpsest.memory.injector import InjectionOptions, Injector
from palimpsest.memory.model import Memory
from palimpsest.memory.permission import Permission
from palimpsest.memory.reranker import FastembedReranker
from palimpsest.memory.retrieval import Retriever
from palimpsest.providers.route import route_of
from palimpsest.providers.upstream import Upstream
from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.metrics import Metrics
from palimpsest.runtime.parts import MemoryParts
from palimpsest.runtime.settings import Settings
from palimpsest.store.postgres.advisory_lock import INDEXING, AdvisoryLock
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.opt_outs import OptOuts
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.postgres.segments import SegmentStore
from palimpsest.store.postgres.wordings import WordingStore
from palimpsest.store.vectors.factory import vector_index
from palimpsest.store.vectors.model import VectorIndex
from palimpsest.temporal.worker import build_learning_worker

_LEARNING_GRACE = 1.0
"""Seconds that are left to learning when a process stops: what is cut off is learned again."""


@asynccontextmanager
async def run_memory(
    settings: Settings, database: Database, metrics: Metrics
) -> AsyncGenerator[MemoryParts]:
    """Builds the memory parts, and while this is entered updates the index from Postgres where
    injection is on; nothing waits for it."""
    async with AsyncExitStack() as stack:
        memories = MemoryStore(database, TENANT)
        permission = Permission(OptOuts(database, TENANT), settings.forget)
        route = route_of(settings)
        embeds = await asyncio.to_thread(
            build_embedder,
            settings.embedder,
            settings.embedder_url,
            settings.embedder_key,
            route,
        )
        way = route.options(settings.qdrant_url) if settings.qdrant_url else {}
        index = vector_index(
            settings.qdrant_url, settings.data_dir, embeds.name, embeds.dimension, way
        )
        stack.push_async_callback(index.close)
        indexer = Indexer(memories, index, embeds, await _writer_check(settings, database, stack))
        metrics.index_behind.set_function(lambda: indexer.lag_seconds)
        metrics.index_failures.set_function(lambda: indexer.failures)
        if settings.intelligence == "on":
            stack.callback(asyncio.create_task(indexer.run()).cancel)
        yield MemoryParts(
            memories,
            permission,
            index,
            indexer,
            _build_injector(settings, memories, permission, index, embeds, metrics),
        )


@asynccontextmanager
async def run_learning(
    settings: Settings,
    database: Database,
    client: Client,
    memory: MemoryParts,
    requests: RequestStore,
    epochs: EpochStore,
    wording: WordLearned | None,
) -> AsyncGenerator[None]:
    """Runs the worker of the learning queue, the scheduler and the expiry while this is entered."""
    segments = SegmentStore(database, TENANT)
    reader = SegmentReader(requests, segments, memory.permission, TENANT)
    worker = build_learning_worker(
        client,
        settings.task_queue,
        [
            ArchiveSegment(reader, memory.store).run,
            LearnFromSegment(reader, segments, memory.store, epochs).run,
            *([wording.run] if wording else []),
        ],
        rate=settings.learning_rate,
        graceful=_LEARNING_GRACE,
    )
    scheduler = LearningScheduler(
        client, settings.task_queue, segments, settings.learning_idle, word=wording is not None
    )
    async with worker, AsyncExitStack() as stack:
        for loop in (scheduler.run(), Expiry(memory.store).run()):
            stack.callback(asyncio.create_task(loop).cancel)
        yield


def build_wording(
    settings: Settings,
    database: Database,
    memory: MemoryParts,
    upstream: Upstream,
    metrics: Metrics,
    owner: str,
) -> WordLearned | None:
    """Builds the optional distiller; None where the settings name no model. Raises StartupFailed
    where they name one without a key."""
    if settings.distiller is None:
        return None
    if settings.distiller_key is None:
        raise StartupFailed("PALIMPSEST_DISTILLER needs PALIMPSEST_DISTILLER_KEY")
    return WordLearned(
        memory.store,
        WordingStore(database),
        SideCalls(upstream, metrics),
        model=settings.distiller,
        headers=credentials(settings.distiller_key),
        most=settings.distiller_tokens,
        owner=owner,
    )


async def _writer_check(
    settings: Settings, database: Database, stack: AsyncExitStack
) -> Callable[[], Awaitable[bool]] | None:
    """Whether this process is the one that writes to a server's index, which several share; None
    for an index of its own."""
    if settings.qdrant_url is None:
        return None
    lock = AdvisoryLock(database, INDEXING)
    stack.push_async_callback(lock.close)
    return lock.try_acquire


def _build_injector(
    settings: Settings,
    memories: MemoryStore,
    permission: Permission,
    index: VectorIndex,
    embeds: Embedder,
    metrics: Metrics,
) -> Injector:
    async def lookup(ids: Sequence[str], caller: str | None) -> list[Memory]:
        return await permission.filter_allowed(await memories.get(ids, caller))

    retriever = Retriever(
        embeds,
        index,
        lookup,
        TENANT,
        settings.intelligence_threshold,
        FastembedReranker(settings.reranker) if settings.reranker else None,
    )
    options = InjectionOptions(
        ContextOptions(ContextMode(settings.context), parse_cap(settings.context_cap)),
        settings.intelligence == "on",
        settings.intelligence_budget,
        settings.intelligence_deadline,
        settings.intelligence_scope == "all",
    )
    return Injector(retriever, memories, permission, options, metrics)
