"""kill -9 of any part with a stream in flight: what can go on does, the rest ends on record."""

import asyncio
from pathlib import Path

import httpx
import pytest

from harness.simulator import Pace, Simulator
from tests.support.engine_histories import engine
from tests.support.supervisor import Up
from tests.support.traffic import body, send, streaming
from tests.support.whole_stack import (
    ENDED_WITHIN,
    content,
    ended,
    kill,
    request_row,
    until_ready,
    whole,
)
from workflows.proxy_request import ProxyRequest

SLOW = Pace(between_events=0.1, text_chars=1000)


@pytest.fixture
def slow(upstream: Simulator) -> Simulator:
    """A provider whose streams take some four seconds."""
    upstream.app.pace = SLOW
    return upstream


async def test_a_killed_edge_is_carried_on(up: Up, slow: Simulator) -> None:
    """By the next one, with the credentials from the vault; nobody pays for a third call."""
    async with streaming(up, body("edge dies", stream=True)) as stream:
        await kill(up, "edge")
        with pytest.raises(httpx.TransportError):
            await stream.rest()
    assert b"message_stop" not in stream.got
    slow.app.pace = Pace()

    await until_ready(up)
    row = await ended(up, stream.request_id, ENDED_WITHIN)

    assert (row["outcome"], row["status"]) == ("answered", 200)
    assert [attempt["outcome"] for attempt in row["attempts"]] == ["unknown", "answered"]
    assert len(slow.log.messages) == 2
    again = await send(up, body("edge dies", stream=True))
    assert again.content == bytes(slow.log.messages[1].answer)
    assert again.headers["x-palimpsest-request-id"] == stream.request_id
    assert len(slow.log.messages) == 2
    assert (await send(up, body("next"))).status_code == 200


@pytest.mark.parametrize("role", ["temporal", "postgres"])
async def test_a_stream_outlives(role: str, up: Up, slow: Simulator) -> None:
    async with streaming(up, body(f"{role} dies", stream=True)) as stream:
        await kill(up, role)
        [call] = slow.log.messages
        assert call.ended == "open", "it was killed in mid-stream"
        assert b"message_stop" in await stream.rest()
    slow.app.pace = Pace()

    await until_ready(up)
    row = await ended(up, stream.request_id)

    assert (row["outcome"], row["status"], row["stop_reason"]) == ("answered", 200, "end_turn")
    assert stream.got == bytes(call.answer) == await content(up, stream.request_id, "response")
    assert (await send(up, body("next"))).status_code == 200


@pytest.mark.parametrize("role", ["temporal", "postgres"])
async def test_an_answer_that_ends_in_an_outage_is_recorded_once(
    role: str, up: Up, slow: Simulator
) -> None:
    async with streaming(up, body(f"{role} away", stream=True)) as stream:
        await stream.until(b"content_block_stop")
        await kill(up, role)
        assert b"message_stop" in await stream.rest()
    slow.app.pace = Pace()

    await until_ready(up)
    row = await ended(up, stream.request_id)
    workflow = (await engine(up.data_dir)).get_workflow_handle_for(
        ProxyRequest.run, stream.request_id
    )
    result = await asyncio.wait_for(workflow.result(), 30)

    assert (row["outcome"], result.outcome) == ("answered", "answered")
    assert len(slow.log.messages) == 1


async def test_all_is_there_after_kill_9_of_everything(slow: Simulator, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    slow.app.pace = Pace()
    async with whole(data_dir, slow.url) as up:
        answered = await send(up, body("before"))
        slow.app.pace = SLOW
        async with streaming(up, body("in flight", stream=True)) as stream:
            children = up.children
            await up.kill()
            for mark in children.values():
                mark.kill()
    slow.app.pace = Pace()

    async with whole(data_dir, slow.url) as up:
        row = await request_row(up, answered.headers["x-palimpsest-request-id"])
        assert (row["state"], row["outcome"]) == ("ended", "answered")
        assert await content(up, row["id"], "request") == body("before")
        assert await content(up, row["id"], "response") == answered.content
        row = await ended(up, stream.request_id)
        assert row["outcome"] == "answered"
        assert [attempt["outcome"] for attempt in row["attempts"]] == ["unknown", "answered"]
        assert (await send(up, body("after"))).status_code == 200
        assert await up.interrupt() == 0
