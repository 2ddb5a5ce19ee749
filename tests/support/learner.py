"""The learning without a proxy: its activities, their worker, and calls of a model."""

import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple

from temporalio.client import Client

from activities.archive_segment import ArchiveSegment
from activities.learn_from_segment import LearnFromSegment
from activities.word_learned import WordLearned, credentials
from palimpsest.forwarding.side_call import SideCalls
from palimpsest.learning.model import Segment
from palimpsest.learning.scheduler import LearningScheduler
from palimpsest.learning.segment_reader import SegmentReader
from palimpsest.memory.model import (
    Kind,
    Memory,
    MemoryFilter,
)
from palimpsest.memory.permission import Permission
from palimpsest.providers.upstream import Upstream
from palimpsest.runtime.metrics import Metrics
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.opt_outs import OptOuts
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.postgres.segments import SegmentStore
from palimpsest.store.postgres.wordings import WordingStore
from palimpsest.temporal.worker import Activity, build_learning_worker
from tests.support.messages import Message
from tests.support.stored_conversation import TENANT, answered, talk
from workflows.contracts import (
    ArchiveSegmentResult,
    LearnSegmentInput,
    LearnSegmentResult,
)


class Learner(NamedTuple):
    """Both activities, and where they write."""

    database: Database
    archive: ArchiveSegment
    learn: LearnFromSegment
    memories: MemoryStore
    segments: SegmentStore
    permission: Permission
    ledger: EpochStore

    async def run(self, segment: Segment) -> tuple[ArchiveSegmentResult, LearnSegmentResult]:
        given = LearnSegmentInput(
            segment.request_id, segment.conversation_id, segment.chain.hex(), segment.depth
        )
        return await self.archive.run(given), await self.learn.run(given)

    async def said(self, messages: list[Message], conversation: str) -> LearnSegmentResult:
        """What came of a conversation with these messages."""
        segment = await answered(self.database, talk(messages), conversation)
        return (await self.run(segment))[1]

    async def fixes(self) -> list[Memory]:
        return await self.memories.list_page(MemoryFilter(kind=Kind.FIX))


def new_learner(database: Database) -> Learner:
    segments = SegmentStore(database, TENANT)
    memories = MemoryStore(database, TENANT)
    permission = Permission(OptOuts(database, TENANT), "/secret/*")
    reader = SegmentReader(RequestStore(database), segments, permission, TENANT)
    ledger = EpochStore(database, TENANT)
    return Learner(
        database,
        ArchiveSegment(reader, memories),
        LearnFromSegment(reader, segments, memories, ledger),
        memories,
        segments,
        permission,
        ledger,
    )


@asynccontextmanager
async def learning(
    client: Client, database: Database, rate: float = 100, calls: SideCalls | None = None
) -> AsyncGenerator[LearningScheduler]:
    """A worker of a queue of its own, and who finds what is due on it; with a distiller where
    there are ``calls``."""
    queue = uuid.uuid4().hex
    segments, memories = SegmentStore(database, TENANT), MemoryStore(database, TENANT)
    reader = SegmentReader(
        RequestStore(database), segments, Permission(OptOuts(database, TENANT), ""), TENANT
    )
    activities: list[Activity] = [
        ArchiveSegment(reader, memories).run,
        LearnFromSegment(reader, segments, memories, EpochStore(database, TENANT)).run,
    ]
    if calls:
        activities.append(distiller(memories, database, calls).run)
    async with build_learning_worker(client, queue, activities, rate=rate, graceful=1):
        yield LearningScheduler(client, queue, segments, idle=0, word=calls is not None)


def distiller(
    memories: MemoryStore, database: Database, calls: SideCalls, most: int = 10_000
) -> WordLearned:
    return WordLearned(
        memories,
        WordingStore(database),
        calls,
        model="claude-haiku-4-5",
        headers=credentials("sk-ant-test"),
        most=most,
        owner="test",
    )


async def result_of(client: Client, segment: Segment) -> LearnSegmentResult:
    handle = client.get_workflow_handle(
        f"learn-{segment.chain.hex()}", result_type=LearnSegmentResult
    )
    return await handle.result()


@asynccontextmanager
async def calls_to(url: str, seconds: float = 10) -> AsyncGenerator[SideCalls]:
    upstream = Upstream(url, connect_timeout=5, first_byte_timeout=60)
    yield SideCalls(upstream, Metrics(lambda: 0), seconds)
    await upstream.close()
