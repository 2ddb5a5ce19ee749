"""An answer that crosses processes arrives as it was written, or is broken off; never spliced."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.answer import Answer, AnswerHead
from palimpsest.exchanges.exchange import Exchange
from palimpsest.relay.assembler import AnswerAssembler
from palimpsest.relay.entries import (
    Entry,
    EntryKind,
    error_entry,
    from_fields,
    head_entry,
)
from palimpsest.relay.publisher import Publisher
from palimpsest.runtime.errors import RedisUnavailable, UpstreamTimeout
from palimpsest.store.redis.streams import Fields, Streams
from tests.support.requests import message

HEAD = AnswerHead(200, ((b"content-type", b"text/event-stream"),))
VIEW = parse(message())
CHUNKS = st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=12)


class Forgetful(Streams):
    """A Redis in memory that does as told at each write: take it, forget everything before it,
    or take it and lose its reply."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("redis://nowhere")
        self._faults = list(faults)
        self.entries: list[Entry] = []

    async def append(
        self, key: str, entries: Sequence[Fields], *, creates: bool, expires: int
    ) -> bool:
        await asyncio.sleep(0)
        fault = self._faults.pop(0) if self._faults else "none"
        if fault == "forget":
            self.entries.clear()
        if not self.entries and not creates:
            return False
        self.entries += [from_fields(fields) for fields in entries]
        if fault == "no reply":
            raise RedisUnavailable("Redis: no reply")
        return True


@settings(max_examples=60, deadline=None)
@given(
    chunks=CHUNKS,
    faults=st.lists(st.sampled_from(("none", "none", "forget", "no reply")), max_size=5),
    together=st.integers(1, 4),
    breaks=st.booleans(),
)
def test_every_byte_arrives_whatever_redis_does(
    chunks: list[bytes], faults: list[str], together: int, breaks: bool
) -> None:
    read = asyncio.run(crossing(chunks, faults, together, breaks))
    assert read.head == HEAD
    assert read.received() == b"".join(chunks)
    assert read.ended
    assert (str(read.error), getattr(read.error, "status", None)) == (
        ("silent", 504) if breaks else ("None", None)
    )


async def crossing(chunks: list[bytes], faults: list[str], together: int, breaks: bool) -> Answer:
    """What a reader has that reads all there is, again and again."""
    streams, read = Forgetful(faults), Answer()
    exchange = Exchange("req_1", VIEW, b"/v1/messages", ())
    assembler = AnswerAssembler(read)
    publication = Publisher(streams).publish(exchange, 1)
    exchange.answer.begin(HEAD)
    for number, chunk in enumerate(chunks):
        exchange.answer.write(chunk)
        if number % together == 0:
            await asyncio.sleep(0)
            assembler.feed(streams.entries)
            assert b"".join(chunks).startswith(read.received())
    if breaks:
        exchange.answer.fail(UpstreamTimeout("silent"))
    else:
        exchange.answer.end()
    await publication
    assembler.feed(streams.entries)
    return read


def attempt(epoch: int, chunks: list[bytes], *, ends: bool) -> list[Entry]:
    """The entries of one attempt."""
    entries, offset = [Entry(EntryKind.BEGIN, epoch), head_entry(epoch, HEAD)], 0
    for chunk in chunks:
        entries.append(Entry(EntryKind.DATA, epoch, offset, chunk))
        offset += len(chunk)
    return [*entries, Entry(EntryKind.END, epoch, offset)] if ends else entries


@given(first=CHUNKS, second=CHUNKS, data=st.data())
def test_two_attempts_are_never_spliced(
    first: list[bytes], second: list[bytes], data: st.DataObject
) -> None:
    entries = attempt(1, first, ends=False) + attempt(2, second, ends=True)
    cuts = data.draw(st.lists(st.integers(0, len(entries)), max_size=6))
    assembler = AnswerAssembler(Answer())
    for begin, end in pairwise(sorted({0, len(entries), *cuts})):
        assembler.feed(entries[begin:end])
    answer = assembler.answer
    if assembler.broken:
        assert not answer.ended
        assert b"".join(first).startswith(answer.received())
    else:
        assert answer.received() == b"".join(second)
        assert answer.ended


def test_an_old_process_that_still_writes_is_not_heard() -> None:
    assembler = AnswerAssembler(Answer())
    assembler.feed(attempt(2, [b"new"], ends=False))
    assembler.feed(attempt(1, [b"older"], ends=True))
    assembler.feed([error_entry(1, 5, UpstreamTimeout("late")), Entry(EntryKind.END, 2, 3)])
    assert (assembler.answer.received(), assembler.answer.error) == (b"new", None)
    assert assembler.answer.ended


def test_a_gap_is_looked_up() -> None:
    assembler = AnswerAssembler(Answer())
    assembler.feed(
        [
            head_entry(1, HEAD),
            Entry(EntryKind.DATA, 1, 0, b"ab"),
            Entry(EntryKind.DATA, 1, 4, b"ef"),
        ]
    )
    assert assembler.answer.received() == b"ab"
    assert assembler.lacks_entries
    assembler.feed([Entry(EntryKind.END, 1, 6)])
    assert not assembler.answer.ended
