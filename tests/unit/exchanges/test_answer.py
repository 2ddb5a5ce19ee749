"""One answer, many readers, each from its start."""

import asyncio
from pathlib import Path

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.answer import Answer, AnswerHead
from palimpsest.exchanges.byte_log import MEMORY_BYTES
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.runtime.errors import StreamBroken
from tests.support.requests import message

HEAD = AnswerHead(200, ())


async def read(answer: Answer) -> bytes:
    return b"".join([piece or b"" async for piece in answer.read(None)])


async def test_every_reader_gets_all_of_it() -> None:
    answer = Answer()
    early = asyncio.create_task(read(answer))
    answer.begin(HEAD)
    answer.write(b"a")
    late = asyncio.create_task(read(answer))
    await asyncio.sleep(0)
    answer.write(b"b")
    answer.end()
    assert await early == await late == await read(answer) == b"ab"
    assert (answer.received(), answer.size) == (b"ab", 2)


async def test_silence_is_told_again_and_again() -> None:
    answer = Answer()
    reading = answer.read(0.01)
    assert [await anext(reading), await anext(reading)] == [None, None]
    answer.write(b"a")
    assert await anext(reading) == b"a"
    answer.end()
    assert [chunk async for chunk in reading] == []


async def test_an_answer_that_failed_gives_what_it_had() -> None:
    answer = Answer()
    answer.write(b"half")
    error = StreamBroken("cut")
    answer.fail(error)
    assert await read(answer) == b"half"
    assert answer.error is error


async def test_an_end_stands() -> None:
    answer = Answer()
    answer.end()
    answer.fail(StreamBroken("late"))
    assert answer.error is None


async def test_begun_waits_for_the_head_or_the_end() -> None:
    answer = Answer()
    assert not await answer.wait_for_head(0.01)
    waiting = asyncio.create_task(answer.wait_for_head(None))
    await asyncio.sleep(0)
    answer.begin(HEAD)
    assert await waiting
    nothing = Answer()
    nothing.fail(StreamBroken("no answer"))
    assert await nothing.wait_for_head(0)
    assert nothing.head is None


def test_a_recorded_answer_that_is_given_again_is_kept_on_disk_too(tmp_path: Path) -> None:
    exchange = Exchange("req_1", parse(message()), b"/v1/messages", ())
    ExchangeRegistry(tmp_path).add(exchange)
    adopted = exchange.under_id("req_that_it_repeats")
    adopted.answer.write(b"x" * 20_000_000)
    assert adopted.answer.size == 20_000_000
    assert adopted.answer.held <= MEMORY_BYTES
