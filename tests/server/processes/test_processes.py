"""Edges and workers apart: any process may go at any moment, and each call is made once."""

import asyncio
import time

import httpx
import pytest

from harness.simulator import Fault, Pace
from tests.support.installation import Installation
from tests.support.requests import events_of
from tests.support.resending_clients import (
    body,
    ended,
    persist,
    send,
    streaming,
)

SLOW = Pace(between_events=0.1, text_chars=500)
"""Some two seconds."""


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_passes_as_it_came(multi: Installation, stream: bool) -> None:
    answers = [
        await send(edge, body(f"pass {stream} {n}", stream=stream))
        for n, edge in enumerate(multi.edges)
    ]
    calls = multi.upstream.log.messages
    assert [answer.content for answer in answers] == [bytes(call.answer) for call in calls]
    assert [answer.status_code for answer in answers] == [200, 200]
    for call, answer in zip(calls, answers, strict=True):
        assert answer.headers["request-id"] == call.request_id
        assert call.header("x-api-key") == "sk-test"


async def test_bytes_come_as_they_are_made(multi: Installation) -> None:
    multi.upstream.app.pace = SLOW
    async with streaming(multi.edges[0], body("live")) as stream:
        [call] = multi.upstream.log.messages
        assert call.ended == "open"
        await stream.rest()
    assert stream.got == bytes(call.answer)


async def test_a_refusal_is_the_providers_own(multi: Installation) -> None:
    multi.upstream.faults.push(Fault("status", status=400, body='{"type":"error","odd":1}'))
    answer = await send(multi.edges[0], body("refused"))
    assert (answer.status_code, answer.content) == (400, b'{"type":"error","odd":1}')


async def test_a_call_that_failed_unseen_is_made_again(multi: Installation) -> None:
    multi.upstream.faults.push(Fault("status", status=529))
    answer = await send(multi.edges[0], body("again"))
    assert answer.status_code == 200
    assert len(multi.upstream.log.messages) == 2


async def test_a_killed_edge_leaves_the_call_running(multi: Installation) -> None:
    multi.upstream.app.pace = SLOW
    first, second = multi.edges
    async with streaming(first, body("edge dies")) as stream:
        await first.kill()
        with pytest.raises(httpx.TransportError):
            await stream.rest()
    answer = await send(second, body("edge dies"))
    [call] = multi.upstream.log.messages
    assert answer.headers["x-palimpsest-request-id"] == stream.request_id
    assert answer.content == bytes(call.answer)
    assert call.ended == "complete"


async def test_a_killed_worker_in_mid_stream_is_no_splice(multi: Installation) -> None:
    multi.upstream.app.pace = SLOW
    edge = multi.edges[0]
    log = multi.upstream.log
    async with streaming(edge, body("worker dies")) as stream:
        worker = await multi.caller()
        await worker.kill()
        await stream.rest()
    *_, (name, data) = events_of(stream.got)
    assert (name, data["error"]["type"]) == ("error", "api_error")
    assert b"message_stop" not in stream.got
    answer = await send(edge, body("worker dies"))
    broken, whole = log.messages
    assert answer.headers["x-palimpsest-request-id"] == stream.request_id
    assert answer.content == bytes(whole.answer)
    assert bytes(broken.answer).startswith(stream.got.partition(b"event: error")[0])


async def test_a_killed_worker_before_the_first_byte_is_not_noticed(multi: Installation) -> None:
    multi.upstream.app.pace = Pace(before_first_byte=60)
    log = multi.upstream.log
    asking = asyncio.create_task(send(multi.edges[0], body("early")))
    await log.until(lambda log: len(log.messages) == 1)
    worker = await multi.caller()
    multi.upstream.app.pace = Pace()
    await worker.kill()
    answer = await asking
    _, whole = log.messages
    assert (answer.status_code, answer.content) == (200, bytes(whole.answer))


async def test_redis_may_forget_everything_in_mid_stream(multi: Installation) -> None:
    multi.upstream.app.pace = SLOW
    async with streaming(multi.edges[0], body("redis dies")) as stream:
        await multi.redis.kill()
        await multi.redis.start()
        await stream.rest()
    [call] = multi.upstream.log.messages
    assert stream.got == bytes(call.answer)


async def test_without_redis_the_recorded_end_is_given(multi: Installation) -> None:
    multi.upstream.app.pace = SLOW
    async with streaming(multi.edges[0], body("no redis")) as stream:
        await multi.redis.kill()
        try:
            await stream.rest()
        finally:
            await multi.redis.start()
    [call] = multi.upstream.log.messages
    assert stream.got == bytes(call.answer)


async def test_a_client_that_left_ends_the_call_after_the_grace(multi: Installation) -> None:
    multi.upstream.app.pace = Pace(between_events=0.1, text_chars=5000)
    async with streaming(multi.edges[0], body("leaving")) as stream:
        leaving = time.time()
    [call] = multi.upstream.log.messages
    async with asyncio.timeout(10):
        await multi.upstream.log.until(lambda _: call.ended != "open")
    assert call.ended == "client_gone"
    assert call.ended_at
    assert call.ended_at - leaving > 0.9
    row = await ended(multi.edges[1], stream.request_id)
    assert (row["outcome"], row["tokens"]["output"] > 0) == ("abandoned", True)


async def test_a_client_that_came_back_elsewhere_keeps_the_call(multi: Installation) -> None:
    multi.upstream.app.pace = SLOW
    async with streaming(multi.edges[0], body("moving")):
        pass
    answer = await send(multi.edges[1], body("moving"))
    [call] = multi.upstream.log.messages
    assert answer.content == bytes(call.answer)


async def test_a_rolling_restart_loses_nothing(multi: Installation) -> None:
    multi.upstream.app.pace = Pace(between_events=0.05, text_chars=300)
    restarted = asyncio.Event()

    async def client(number: int) -> int:
        asked = 0
        while not restarted.is_set():
            content = await persist(multi.edges, body(f"client {number}, request {asked}"))
            assert content in {bytes(call.answer) for call in multi.upstream.log.messages}
            asked += 1
        return asked

    clients = [asyncio.create_task(client(number)) for number in range(4)]
    for member in multi.members:
        assert await member.terminate() == 0, member.output()
        await member.start()
    restarted.set()
    asked = await asyncio.gather(*clients)
    assert min(asked) > 2
    assert len(multi.upstream.log.messages) == sum(asked), "each was called for once"
