"""What is due is learned from by a workflow of its own, on the real engine; stale things go."""

import asyncio
import base64
import re
import uuid
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from harness.simulator import Fault, Simulator
from palimpsest.learning.decay import HALF_LIFE
from palimpsest.learning.expiry import Expiry
from palimpsest.learning.model import Segment
from palimpsest.learning.scheduler import LearningScheduler
from palimpsest.learning.wording import MARK
from palimpsest.memory.model import Fix, Kind, MemoryFilter
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.temporal.payloads import DATA_CONVERTER
from palimpsest.temporal.replay import read_histories, replayer
from tests.support.agent_work import mended
from tests.support.learner import calls_to, distiller, learning, result_of
from tests.support.proxy import Parts
from tests.support.requests import eventually
from tests.support.stored_conversation import TENANT, answered, talk
from tests.support.stored_epochs import epoch
from tests.support.stored_memories import (
    SAID_AT,
    fix,
    pattern,
    turn,
)
from tests.support.table_lock import locked
from workflows.contracts import (
    LEARN_FROM_SEGMENT,
    LEARN_SEGMENT,
    LearnSegmentInput,
    LearnSegmentResult,
    WordLearnedInput,
)
from workflows.learn_segment import LearnSegment

HERE = Path(__file__).parents[2] / "histories" / "learning"
HISTORIES = dict(read_histories(HERE))


@pytest.fixture
async def client(parts: Parts) -> Client:
    return await Client.connect(parts.temporal_address, data_converter=DATA_CONVERTER)


async def told(
    client: Client, database: Database, due: LearningScheduler, conversation: str
) -> Segment:
    """A conversation in which an error was mended, learned from."""
    segment = await answered(database, talk(mended(uuid.uuid4().hex).built), conversation)
    await due.start_due()
    assert (await result_of(client, segment)).outcome == "kept"
    return segment


async def test_a_conversation_at_rest_is_learned_from_once(
    client: Client, database: Database
) -> None:
    segment = await answered(database, talk(mended(uuid.uuid4().hex).built), "one")
    async with learning(client, database) as scheduler:
        assert await scheduler.start_due() == 1
        result = await result_of(client, segment)
        assert await scheduler.start_due() == 0
    assert (result.outcome, result.found, result.new) == ("kept", 2, 2)
    assert (
        await MemoryStore(database, TENANT).count(MemoryFilter(kind=Kind.TURN)) == result.parts > 0
    )


async def test_what_is_cut_is_kept_while_the_conversation_goes_on(
    client: Client, database: Database
) -> None:
    segment = await answered(database, talk(mended(uuid.uuid4().hex).built), "one")
    made = epoch(segment.chain, segment.depth)
    await EpochStore(database, TENANT).record(made, "on", "one", segment.request_id)
    async with learning(client, database) as scheduler:
        running = asyncio.create_task(scheduler.run())
        try:
            await eventually(
                lambda: MemoryStore(database, TENANT).count(MemoryFilter(kind=Kind.TURN)),
                lambda n: n > 0,
            )
        finally:
            running.cancel()


async def test_an_outage_of_the_database_is_waited_for(
    client: Client, database: Database, url: str
) -> None:
    segment = await answered(database, talk(mended(uuid.uuid4().hex).built), "one")
    impatient = Database(url, timeout=0.2)
    async with learning(client, impatient) as scheduler:
        async with locked(Parts("", url), "blobs"):
            assert await scheduler.start_due() == 1
            handle = client.get_workflow_handle(f"learn-{segment.chain.hex()}")
            found = await eventually(
                handle.describe,
                lambda told: any(p.attempt > 1 for p in told.raw_description.pending_activities),
            )
            assert found.status == WorkflowExecutionStatus.RUNNING
        assert (await result_of(client, segment)).found == 2
    await impatient.close()


async def test_segments_are_learned_from_no_faster_than_the_rate(
    client: Client, database: Database
) -> None:
    made = [
        await answered(database, talk(mended(uuid.uuid4().hex).built), f"conv_{n}")
        for n in range(4)
    ]
    began = asyncio.get_running_loop().time()
    async with learning(client, database, rate=2) as scheduler:
        assert await scheduler.start_due() == 4
        for segment in made:
            await result_of(client, segment)
    assert asyncio.get_running_loop().time() - began > 1


async def test_what_is_borne_out_is_worded_by_a_model(
    client: Client, database: Database, upstream: Simulator
) -> None:
    memories = MemoryStore(database, TENANT)
    async with calls_to(upstream.url) as calls, learning(client, database, calls=calls) as due:
        for number in range(3):
            await told(client, database, due, f"conv_{number}")
            [found] = await memories.list_page(MemoryFilter(kind=Kind.FIX))
            assert isinstance(found.detail, Fix)
            assert found.detail.remedy.endswith(f"{MARK}A short title") is (number > 0)
            assert found.text.endswith(f"{MARK}A short title") is (number > 0)
            assert found.conversations == number + 1, "as it is worded, it is still known"
    assert len(upstream.log) == 1


async def test_a_model_that_fails_is_done_without(
    client: Client, database: Database, upstream: Simulator
) -> None:
    upstream.faults.push(Fault("status", status=401))
    async with calls_to(upstream.url) as calls, learning(client, database, calls=calls) as due:
        await told(client, database, due, "one")
        segment = await told(client, database, due, "two")
    [call, _] = await RequestStore(database).read_attempts(segment.request_id)
    assert (call.kind, call.outcome, call.status) == ("wording", "upstream_error", 401)


async def test_wording_stays_within_its_budget(database: Database, upstream: Simulator) -> None:
    segment = await answered(database, talk(mended().built), "one")
    memories = MemoryStore(database, TENANT)
    known = [msgspec.structs.replace(fix(f"error: {n}"), confirmed=True) for n in range(4)]
    await memories.save(known)
    given = WordLearnedInput(segment.request_id, tuple(memory.id for memory in known))
    async with calls_to(upstream.url) as calls:
        asked = [
            (await distiller(memories, database, calls, most).run(given)).asked
            for most in (100, 600, 100_000)
        ]
    assert asked[0] == 0
    assert 0 < asked[1] < 4
    assert sum(asked) == 4 == len(upstream.log)


async def test_what_went_stale_is_forgotten(database: Database) -> None:
    memories = MemoryStore(database, TENANT)
    old, sure, said = pattern("to test"), fix("error: it broke"), turn("what was said")
    await memories.save([old, msgspec.structs.replace(sure, confirmed=True), said])
    forgetting = Expiry(memories)
    assert await forgetting.expire(SAID_AT + timedelta(days=1)) == 0
    assert await forgetting.expire(SAID_AT + 6 * HALF_LIFE) == 1
    assert {memory.id for memory in await memories.list_page()} == {sure.id, said.id}
    assert await memories.save([old]) == 1, "it may be learned again"


@workflow.defn(name=LEARN_SEGMENT)
class Hasty(LearnSegment):
    """It learns before it keeps."""

    @workflow.run
    async def run(self, segment: LearnSegmentInput) -> LearnSegmentResult:
        await workflow.execute_activity(
            LEARN_FROM_SEGMENT, segment, start_to_close_timeout=timedelta(seconds=1)
        )
        return await super().run(segment)


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_kept_history_replays(name: str) -> None:
    await replayer().replay_workflow(HISTORIES[name])


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_changed_workflow_does_not(name: str) -> None:
    changed = Replayer(
        workflows=[Hasty],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=DATA_CONVERTER,
    )
    with pytest.raises(NondeterminismError):
        await changed.replay_workflow(HISTORIES[name])


def test_no_content_is_in_a_history() -> None:
    assert set(HISTORIES) == {"learned.json", "worded.json"}
    text = "".join((HERE / name).read_text() for name in HISTORIES)
    for data in re.findall(r'"data": ?"([A-Za-z0-9+/=]+)"', text):
        text += base64.b64decode(data).decode("latin-1")
    assert '"request_id"' in text
    for secret in ("errcheck", "make lint", "os.Remove", "Mend the linter"):
        assert secret not in text
