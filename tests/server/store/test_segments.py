"""Which segments are due, on a real database."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from palimpsest.context.model import Cause
from palimpsest.conversations.lineage import lineage
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.learning.model import Segment
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.segments import SegmentStore
from tests.support.messages import assistant, loop, user
from tests.support.stored_conversation import TENANT, answered, talk
from tests.support.stored_epochs import epoch

LONG_AGO = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def segments(database: Database) -> SegmentStore:
    return SegmentStore(database, TENANT)


async def rested(segments: SegmentStore) -> list[Segment]:
    return await segments.find_rested(0, LONG_AGO)


async def test_a_conversation_that_rests_is_due_until_it_was_learned_from(
    database: Database, segments: SegmentStore
) -> None:
    first = await answered(database, talk(loop(1)), "one")
    last = await answered(database, talk(loop(2)), "one")
    assert await segments.find_rested(60, LONG_AGO) == []
    assert await segments.find_rested(0, datetime.now(UTC) + timedelta(hours=1)) == []
    assert await rested(segments) == [last]
    hashes = lineage(TENANT, parse(talk(loop(2)).body))
    await segments.mark_learned(last, hashes)
    assert await rested(segments) == []
    assert await segments.count_learned(hashes) == last.depth
    assert await segments.count_learned(hashes[: first.depth]) == first.depth


async def test_a_fork_is_learned_from_where_it_is_new(
    database: Database, segments: SegmentStore
) -> None:
    trunk, one = loop(1), [*loop(1), assistant("A"), user("a")]
    other = [*trunk, assistant("B"), user("b"), assistant("C"), user("c")]
    await answered(database, talk(trunk), "one")
    left = await answered(database, talk(one), "one")
    right = await answered(database, talk(other), "one")
    assert await rested(segments) == [right]
    await segments.mark_learned(right, lineage(TENANT, parse(talk(other).body)))
    assert await rested(segments) == [left]
    assert await segments.count_learned(lineage(TENANT, parse(talk(one).body))) == len(trunk)


async def test_what_an_epoch_cut_is_due_at_once(database: Database, segments: SegmentStore) -> None:
    ledger = EpochStore(database, TENANT)
    segment = await answered(database, talk(loop(2)), "one")
    made = epoch(segment.chain, segment.depth)
    await ledger.record(made, "observe", "one", segment.request_id)
    assert await segments.find_cut() == []
    await ledger.record(made, "on", "one", segment.request_id)
    assert await segments.find_cut() == [segment]
    await segments.mark_learned(segment)
    assert await segments.find_cut() == []


async def test_what_was_recalled_cuts_nothing(database: Database, segments: SegmentStore) -> None:
    segment = await answered(database, talk(loop(2)), "one")
    recall = msgspec.structs.replace(epoch(segment.chain, segment.depth), cause=Cause.INJECTION)
    await EpochStore(database, TENANT).record(recall, "on", "one", segment.request_id)
    assert await segments.find_cut() == []


async def test_a_line_that_was_left_is_due_while_the_conversation_goes_on(
    database: Database, segments: SegmentStore
) -> None:
    old = await answered(database, talk(loop(6)), "one")
    assert await segments.find_left() == []
    await answered(database, talk(loop(1)), "one", session=None)
    assert await segments.find_left() == [], "a side line is no sign"
    await answered(database, talk([user("This session is being continued")]), "one")
    assert await segments.find_left() == [old]


async def test_heads_tell_when_it_was_said(database: Database, segments: SegmentStore) -> None:
    first = await answered(database, talk(loop(1)), "one")
    last = await answered(database, talk(loop(2)), "one")
    hashes = lineage(TENANT, parse(talk(loop(2)).body))
    spoken = await segments.read_speech_times(hashes)
    assert [one.depth for one in spoken] == [first.depth, last.depth]
    assert spoken[0].at < spoken[1].at
