"""Stopping: what runs may finish, nobody new comes in, and the client goes on without us."""

import asyncio
import signal
from pathlib import Path

import httpx

from harness.simulator import Pace, Simulator
from tests.support.claude_code import ClaudeCode
from tests.support.claude_work import work_in
from tests.support.supervisor import Up, traces
from tests.support.traffic import body, send, streaming
from tests.support.whole_stack import request_row, whole


async def refused(up: Up) -> httpx.Response:
    """The first answer that turns a new request away."""
    async with asyncio.timeout(5):
        while True:
            answer = await send(up, body())
            if answer.status_code != 200:
                return answer


async def test_leaving_in_mid_conversation(
    claude: ClaudeCode, upstream: Simulator, tmp_path: Path
) -> None:
    """Thinking is bound to its prefix on these models: what we pass on must be what we got."""
    upstream.script.set(work_in(claude.directory))
    async with whole(tmp_path / "data", upstream.url) as up:
        said = await claude.ask("Make the notes", base_url=up.url)
        assert said.result["result"] == "All done."
        assert await up.interrupt() == 0
        through_us = len(upstream.log)

    said = await claude.ask("Go on", "--continue", base_url=upstream.url)

    assert said.result["result"] == "All done."
    assert [call.status for call in upstream.log] == [200] * len(upstream.log)
    thoughts = upstream.log[-1].body.count(b'"type":"thinking"')
    assert (through_us, len(upstream.log)) == (6, 12)
    assert thoughts >= 4, "the thinking of the proxied turns is still there"
    assert traces(tmp_path / "data") == []


async def test_a_drain_lets_streams_finish_and_nobody_in(
    upstream: Simulator, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    async with whole(data_dir, upstream.url) as up:
        upstream.app.pace = Pace(between_events=0.1, text_chars=1000)
        async with streaming(up, body(stream=True)) as stream:
            upstream.app.pace = Pace()
            up.process.send_signal(signal.SIGTERM)
            answer = await refused(up)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert answer.json()["error"]["type"] == "api_error"
            async with httpx.AsyncClient(trust_env=False) as client:
                ready = await client.get(f"{up.url}/readyz")
            assert (ready.status_code, ready.json()["parts"]["admission"]) == (503, "draining")
            assert b"message_stop" in await stream.rest()
            assert stream.got == bytes(upstream.log.messages[0].answer)
        assert await asyncio.wait_for(up.process.wait(), 20) == 0

    assert traces(data_dir) == []
    async with whole(data_dir, upstream.url) as up:
        row = await request_row(up, stream.request_id)
        assert (row["state"], row["outcome"]) == ("ended", "answered")
        assert await up.interrupt() == 0
