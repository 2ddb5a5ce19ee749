"""A re-send is the same request: one call upstream, the same bytes for everybody."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.simulator import Simulator
from harness.simulator.ask import encoded, request, user
from tests.support.canned_provider import (
    Canned,
    Received,
    Script,
    answer,
    held,
)
from tests.support.interrupted_clients import PIECES, SESSION, WHOLE, clients, cut, delivered, send
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    HEADERS,
    ID,
    client_of,
    ended,
    eventually,
    is_error,
    message,
)

KEY = {**HEADERS, "idempotency-key": "key-1"}
PART = b"".join(PIECES[:3])


def body(text: str) -> bytes:
    return encoded(request(user(text), stream=True))


async def test_five_sends_of_one_session_are_one_call(
    running: RunningProxy, upstream: Simulator
) -> None:
    upstream.pace.before_first_byte = 0.5
    answers = await asyncio.gather(*(send(running, body("five"), SESSION) for _ in range(5)))
    assert len(upstream.log.messages) == 1
    assert {answer.content for answer in answers} == {bytes(upstream.log.messages[0].answer)}
    assert len({answer.headers[ID] for answer in answers}) == 1


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


@pytest.mark.parametrize(("coalesce", "headers", "calls"), [
    ("always", HEADERS, 1),
    ("never", SESSION, 3),
    ("never", KEY, 3),
    ("session", {**HEADERS, "x-stainless-retry-count": "0"}, 3),
    ("session", {**HEADERS, "x-stainless-retry-count": "1"}, 1),
    ("session", KEY, 1),
])  # fmt: skip
async def test_three_live_clients(
    parts: Parts, upstream: Simulator, tmp_path: Path, coalesce: str, headers: dict[str, str],
    calls: int,
) -> None:  # fmt: skip
    upstream.pace.before_first_byte = 0.3
    async with running_proxy(parts, tmp_path, upstream.url, coalesce=coalesce) as running:
        # A body of its own: the database is shared, and a key is known for ever.
        content, own = body(f"{coalesce} {calls}"), {**headers, "x-api-key": str(tmp_path)}
        answers = await asyncio.gather(*(send(running, content, own) for _ in range(3)))
    assert len(upstream.log.messages) == calls
    assert len({answer.headers[ID] for answer in answers}) == calls
    assert {answer.status_code for answer in answers} == {200}


async def test_another_credential_is_another_request(
    running: RunningProxy, upstream: Simulator
) -> None:
    upstream.pace.before_first_byte = 0.3
    others = [{**SESSION, "x-api-key": f"sk-{n}"} for n in range(2)]
    await asyncio.gather(*(send(running, body("keys"), each) for each in others))
    assert len(upstream.log.messages) == 2


@pytest.mark.parametrize("headers", [HEADERS, SESSION, KEY])
async def test_a_resend_joins_in_mid_stream_and_gets_every_byte(
    parts: Parts, tmp_path: Path, headers: dict[str, str]
) -> None:
    """The first client has left, so that no mark is needed."""
    more = asyncio.Event()
    own = {**headers, "x-api-key": str(tmp_path)}
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
    ):
        content = message(str(tmp_path), stream=True)
        request_id = await cut(running, content, own)
        async with (
            client_of(running) as client,
            client.stream("POST", "/v1/messages", content=content, headers=own) as got,
        ):
            seen = b""
            async for chunk in got.aiter_raw():
                seen += chunk
                if seen == PART:
                    more.set()
        assert got.headers[ID] == request_id
        assert (await ended(running, request_id))["outcome"] == "answered"
    assert seen == WHOLE
    assert len(provider.requests) == 1


async def test_a_resend_that_names_its_request(parts: Parts, tmp_path: Path) -> None:
    more = asyncio.Event()
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=message("named", stream=True)) as first,
    ):
        named = {ID: first.headers[ID]}
        wrong = await client.post("/v1/messages", content=message("else"), headers=named)
        assert wrong.status_code == 400
        assert is_error(wrong.content, "invalid_request_error")
        again = client.post("/v1/messages", content=message("named", stream=True), headers=named)
        sending = asyncio.create_task(again)
        await eventually(lambda: clients(running, first.headers[ID]), lambda count: count == 2)
        more.set()
        got = await sending
        assert (got.content, got.headers[ID]) == (WHOLE, first.headers[ID])
        assert await first.aread() == WHOLE
    assert len(provider.requests) == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_ended_undelivered_is_read_again(
    parts: Parts, tmp_path: Path, stream: bool
) -> None:
    """The client was cut before the end; later it gets all of it, from another process too."""
    more = asyncio.Event()
    json = b'{"type":"message","content":[],"usage":{"input_tokens":3,"output_tokens":2}}'
    plain = answer(json, ("content-type", "application/json"), ("x-theirs", "1"))
    script = held(*PIECES[:3], more, *PIECES[3:]) if stream else held_plain(more, plain)
    content = message(str(tmp_path), stream=stream)
    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
    ):
        request_id = await (cut(running, content) if stream else give_up(running, content))
        more.set()
        assert (await ended(running, request_id))["outcome"] == "answered"
        async with running_proxy(parts, tmp_path, provider.url, client_gone_grace=1) as other:
            got = await send(other, content, HEADERS)
            assert got.content == (WHOLE if stream else json)
            assert (got.headers["x-theirs"], got.headers[ID]) == ("1", request_id)
            assert len(provider.requests) == 1
            await delivered(other, request_id)
        again = await send(running, content, HEADERS)
        assert again.headers[ID] != request_id
    assert len(provider.requests) == 2


def held_plain(more: asyncio.Event, whole: bytes) -> Script:
    async def script(_: Received) -> AsyncIterator[bytes]:
        await more.wait()
        yield whole

    return script


async def give_up(running: RunningProxy, content: bytes) -> str:
    """Send and leave before the status line."""
    async with client_of(running) as client:
        sending = asyncio.create_task(client.post("/v1/messages", content=content))
        await eventually(lambda: forwarding(running), bool)
        [request_id] = running.process.exchanges.ids()
        sending.cancel()
        await asyncio.wait({sending})
    await eventually(lambda: clients(running, request_id), lambda count: not count)
    return request_id


async def forwarding(running: RunningProxy) -> bool:
    exchanges = (running.process.exchanges.get(each) for each in running.process.exchanges.ids())
    return any(exchange and exchange.call for exchange in exchanges)


@pytest.mark.parametrize("stream", [True, False])
async def test_once_delivered_the_same_body_is_a_new_request(
    running: RunningProxy, upstream: Simulator, stream: bool
) -> None:
    """A client that is still connected has had it all; the database learns of it later."""
    content = message("twice", stream=stream)
    async with client_of(running) as client:
        first = await client.post("/v1/messages", content=content, headers=SESSION)
        second = await client.post("/v1/messages", content=content, headers=SESSION)
        assert first.headers[ID] != second.headers[ID]
        assert len(upstream.log.messages) == 2
        await delivered(running, second.headers[ID])
    await send(running, content, SESSION)
    assert len(upstream.log.messages) == 3


async def test_five_sends_after_a_delivery_are_one_call(
    running: RunningProxy, upstream: Simulator
) -> None:
    """The claim of the delivered request is still there; only one of the five may take it."""
    async with client_of(running) as client:
        await client.post("/v1/messages", content=body("again"), headers=SESSION)
        upstream.pace.before_first_byte = 0.5
        answers = await asyncio.gather(*(send(running, body("again"), SESSION) for _ in range(5)))
    assert len(upstream.log.messages) == 2
    assert len({answer.headers[ID] for answer in answers}) == 1


async def test_a_key_gets_the_delivered_answer_again(
    running: RunningProxy, upstream: Simulator, tmp_path: Path
) -> None:
    keyed = {**HEADERS, "idempotency-key": str(tmp_path)}
    async with client_of(running) as client:
        first = await client.post("/v1/messages", content=body("keyed"), headers=keyed)
        await delivered(running, first.headers[ID])
    again = await send(running, body("keyed"), keyed)
    assert (again.content, again.headers[ID]) == (first.content, first.headers[ID])
    assert again.headers["request-id"] == first.headers["request-id"]
    wrong = await send(running, body("another"), keyed)
    assert wrong.status_code == 400
    assert is_error(wrong.content, "invalid_request_error")
    stranger = await send(running, body("another"), {**keyed, "x-api-key": "sk-other"})
    assert stranger.status_code == 200
    assert len(upstream.log.messages) == 2


async def test_a_refusal_is_asked_again(running: RunningProxy, upstream: Simulator) -> None:
    """What ended without an answer is no answer to a re-send."""
    keyed = {**HEADERS, "idempotency-key": "refused"}
    wrong = encoded(request({"role": "assistant", "content": "first"}))
    for _ in range(2):
        assert (await send(running, wrong, keyed)).status_code == 400
    assert len(upstream.log.messages) == 2


async def test_a_resend_finds_a_request_that_another_process_carries(
    parts: Parts, tmp_path: Path
) -> None:
    """Both edges of one database; the answer comes once it is recorded."""
    more = asyncio.Event()
    content = message(str(tmp_path), stream=True)
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        running_proxy(parts, tmp_path, provider.url) as other,
    ):
        request_id = await cut(running, content)
        read = running.process.stores.requests.read_request
        await eventually(lambda: read(request_id), lambda record: record.client_gone)
        sending = [asyncio.create_task(send(other, content, HEADERS)) for _ in range(2)]
        await eventually(lambda: clients(other, request_id), lambda count: count > 0)
        more.set()
        done, _ = await asyncio.wait(sending, timeout=20)
        assert any(task.result().headers[ID] == request_id for task in done)
        assert {task.result().content for task in done} == {WHOLE}
        assert len(done) == 2
    assert len(provider.requests) <= 2, "the second re-send met a live client"
