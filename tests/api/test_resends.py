"""A re-send is the same request: one call upstream, the same bytes for everybody."""

import asyncio
from collections.abc import Mapping

import httpx

from tests.running import RunningProxy
from tests.upstream import Simulator
from tests.upstream.ask import HEADERS, encoded, request, user

SESSION = {**HEADERS, "x-claude-code-session-id": "session-1"}


def body(text: str) -> bytes:
    return encoded(request(user(text), stream=True))


async def send(
    running: RunningProxy, content: bytes, headers: Mapping[str, str]
) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.post(f"{running.url}/v1/messages", content=content, headers=headers)


async def test_five_sends_of_one_session_are_one_call(
    running: RunningProxy, upstream: Simulator
) -> None:
    upstream.pace.before_first_byte = 0.5
    answers = await asyncio.gather(*(send(running, body("five"), SESSION) for _ in range(5)))
    assert len(upstream.log.messages) == 1
    assert {answer.content for answer in answers} == {bytes(upstream.log.messages[0].answer)}
    assert len({answer.headers["x-palimpsest-request-id"] for answer in answers}) == 1


async def test_three_agents_are_three_calls(running: RunningProxy, upstream: Simulator) -> None:
    upstream.pace.before_first_byte = 0.3
    headers = [{**SESSION, "x-claude-code-agent-id": f"agent-{n}"} for n in range(3)]
    await asyncio.gather(*(send(running, body("agents"), each) for each in headers))
    assert len(upstream.log.messages) == 3


async def test_two_live_unmarked_clients_are_two_calls(
    running: RunningProxy, upstream: Simulator
) -> None:
    upstream.pace.before_first_byte = 0.3
    await asyncio.gather(*(send(running, body("samples"), HEADERS) for _ in range(2)))
    assert len(upstream.log.messages) == 2
