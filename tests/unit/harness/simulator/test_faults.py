"""Each fault over a real socket, seen by the SDK and by httpx."""

import asyncio
import time
from typing import Any

import anthropic
import httpx
import pytest

from harness.simulator import Fault, Pace, Simulator
from harness.simulator.ask import (
    HEADERS,
    MODEL,
    request,
    user,
)
from harness.simulator.content import text
from harness.simulator.faults import Faults

LONG = [[text("word " * 60)]]


def client(sim: Simulator) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(api_key="sk-test", base_url=sim.url, max_retries=0)


async def ask(sim: Simulator) -> anthropic.types.Message:
    async with client(sim) as sdk:
        return await sdk.messages.create(
            model=MODEL, max_tokens=400, messages=[{"role": "user", "content": "hi"}]
        )


async def read(
    sim: Simulator, *, stream: bool = True, **headers: str
) -> tuple[bytes, Exception | None]:
    """What arrived of the answer, and what ended it early."""
    got = b""
    url = f"{sim.url}/v1/messages"
    async with httpx.AsyncClient(timeout=5) as http:
        try:
            body = request(user("hi"), stream=stream)
            async with http.stream(
                "POST", url, json=body, headers={**HEADERS, **headers}
            ) as answer:
                async for piece in answer.aiter_bytes():
                    got += piece
        except httpx.HTTPError as error:
            return got, error
    return got, None


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (502, anthropic.InternalServerError, "api_error"),
        (503, anthropic.InternalServerError, "api_error"),
        (504, anthropic.InternalServerError, "timeout_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
    ],
)
async def test_a_status(status: int, error: type[anthropic.APIStatusError], kind: str) -> None:
    async with Simulator.serve() as sim:
        sim.faults.push(Fault("status", status=status, retry_after=7))
        with pytest.raises(error) as caught:
            await ask(sim)
        assert caught.value.status_code == status
        assert caught.value.response.headers["retry-after"] == "7"
        assert caught.value.response.json()["error"]["type"] == kind
        assert (sim.log[0].status, sim.log[0].fault) == (status, f"status {status}")
        assert (await ask(sim)).stop_reason == "end_turn"


async def test_a_status_with_its_own_body() -> None:
    async with Simulator.serve() as sim:
        sim.faults.push(Fault("status", status=400, body='{"odd": 1}'))
        with pytest.raises(anthropic.BadRequestError) as caught:
            await ask(sim)
        assert caught.value.response.content == b'{"odd": 1}'


async def test_a_reset_before_any_byte() -> None:
    async with Simulator.serve() as sim:
        sim.faults.push(Fault("reset"))
        with pytest.raises(anthropic.APIConnectionError):
            await ask(sim)
        assert (sim.log[0].ended, sim.log[0].status, sim.log[0].answer_bytes) == ("reset", None, 0)
        assert (await ask(sim)).stop_reason == "end_turn"


async def test_a_connection_closed_before_any_byte() -> None:
    async with Simulator.serve() as sim:
        sim.faults.push(Fault("cut"))
        got, error = await read(sim)
        assert got == b""
        assert isinstance(error, httpx.RemoteProtocolError)
        assert (sim.log[0].ended, sim.log[0].status) == ("cut", None)


@pytest.mark.parametrize("kind", ["cut", "reset"])
@pytest.mark.parametrize("after", [1, 4])
async def test_an_end_after_n_events(kind: Any, after: int) -> None:
    async with Simulator.serve(script=LONG, pace=Pace(between_events=0.01)) as sim:
        sim.faults.push(Fault(kind, after=after))
        got, error = await read(sim)
        assert error is not None
        assert got == bytes(sim.log[0].answer)
        assert got.count(b"\n\n") == after
        assert got.endswith(b"\n\n")
        assert sim.log[0].ended == kind


async def test_a_cut_in_the_middle_of_an_event() -> None:
    async with Simulator.serve(script=LONG) as sim:
        sim.faults.push(Fault("cut", after=4, mid=True))
        got, error = await read(sim)
        assert isinstance(error, httpx.RemoteProtocolError)
        assert got.count(b"\n\n") == 4
        assert not got.endswith(b"\n\n")


async def test_a_stall_before_the_first_byte() -> None:
    async with Simulator.serve() as sim:
        sim.faults.push(Fault("stall", seconds=0.2))
        begun = time.monotonic()
        assert (await ask(sim)).stop_reason == "end_turn"
        assert time.monotonic() - begun >= 0.2


async def test_a_stall_after_n_events() -> None:
    async with Simulator.serve(script=LONG) as sim:
        sim.faults.push(Fault("stall", after=3, seconds=0.2))
        begun = time.monotonic()
        async with (
            client(sim) as sdk,
            sdk.messages.stream(
                model=MODEL, max_tokens=400, messages=[{"role": "user", "content": "hi"}]
            ) as stream,
        ):
            arrived = [time.monotonic() - begun async for _ in stream]
        assert arrived[-1] >= 0.2
        assert sim.log[0].ended == "complete"


async def test_a_client_that_leaves_in_a_stall_is_noticed() -> None:
    async with Simulator.serve() as sim:
        sim.faults.push(Fault("stall", seconds=60))
        async with httpx.AsyncClient(timeout=0.2) as http:
            with pytest.raises(httpx.ReadTimeout):
                await http.post(f"{sim.url}/v1/messages", json=request(user("hi")), headers=HEADERS)
        async with asyncio.timeout(5):
            await sim.log.until(lambda log: log.open == 0)
        assert sim.log[0].ended == "client_gone"


@pytest.mark.parametrize(("first_content", "after"), [(False, 0), (False, 2), (True, 1)])
async def test_an_error_event(first_content: bool, after: int) -> None:
    async with Simulator.serve() as sim:
        sim.faults.push(Fault("error_event", after=after, first_content=first_content))
        got, error = await read(sim)
        assert error is None
        assert got.split(b"\n\n")[-2].startswith(b"event: error\n")
        assert b'"overloaded_error"' in got
        assert (b"content_block_delta" in got) == first_content
        assert b"message_stop" not in got
        sim.faults.push(Fault("error_event", after=after, first_content=first_content))
        with pytest.raises(anthropic.APIStatusError):
            async with (
                client(sim) as sdk,
                sdk.messages.stream(
                    model=MODEL, max_tokens=400, messages=[{"role": "user", "content": "hi"}]
                ) as stream,
            ):
                await stream.get_final_message()


@pytest.mark.parametrize("kind", ["wrong_length", "cut_body"])
async def test_a_body_that_is_shorter_than_its_length(kind: Any) -> None:
    async with Simulator.serve() as sim:
        sim.faults.push(Fault(kind))
        got, error = await read(sim, stream=False)
        assert isinstance(error, httpx.RemoteProtocolError)
        assert got.endswith(b"}") == (kind == "wrong_length")
        assert sim.log[0].ended == "cut"


@pytest.mark.parametrize("stream", [True, False])
async def test_gzip_where_the_client_accepts_it(stream: bool) -> None:
    async with Simulator.serve(script=LONG) as sim:
        sim.faults.push(Fault("gzip", times=2))
        got, error = await read(sim, stream=stream)
        assert error is None
        assert b"word" in got
        assert sim.log[0].answer[:2] == b"\x1f\x8b"
        plain, _ = await read(sim, stream=stream, **{"accept-encoding": "identity"})
        assert plain == bytes(sim.log[1].answer)


async def test_the_pace() -> None:
    pace = Pace(before_first_byte=0.1, between_events=0.02, text_chars=100, delta_chars=10)
    async with Simulator.serve(pace=pace) as sim:
        begun = time.monotonic()
        got, _ = await read(sim)
        took = time.monotonic() - begun
    assert got.count(b"text_delta") == 10
    assert took >= 0.1 + 0.02 * (got.count(b"\n\n") - 1)


async def test_a_fault_is_for_its_path() -> None:
    async with Simulator.serve() as sim:
        sim.faults.push(Fault("status", status=500, path="/v1/messages/count_tokens"))
        assert (await ask(sim)).stop_reason == "end_turn"
        assert len(sim.faults) == 1
        async with client(sim) as sdk:
            with pytest.raises(anthropic.InternalServerError):
                await sdk.messages.count_tokens(
                    model=MODEL, messages=[{"role": "user", "content": "hi"}]
                )


async def test_a_failed_call_writes_no_cache() -> None:
    marked = {"type": "text", "text": "word " * 2000, "cache_control": {"type": "ephemeral"}}
    async with Simulator.serve() as sim, httpx.AsyncClient(base_url=sim.url) as http:
        sim.faults.push(Fault("status", status=529))
        for expected in (529, 200):
            body = request(user(marked))
            answer = await http.post("/v1/messages", json=body, headers=HEADERS)
            assert answer.status_code == expected
        assert answer.json()["usage"]["cache_read_input_tokens"] == 0


def test_times_and_skip() -> None:
    faults = Faults()
    faults.push(Fault("reset", times=2, skip=1), Fault("cut"))
    taken = [faults.take("POST", "/v1/messages?x=1") for _ in range(5)]
    assert [fault.kind if fault else None for fault in taken] == [
        None, "reset", "reset", "cut", None,
    ]  # fmt: skip
    assert faults.take("GET", "/v1/messages") is None


def test_a_seeded_rate_repeats() -> None:
    def run() -> list[bool]:
        faults = Faults()
        faults.rate(0.3, Fault("status", status=529), seed=5)
        return [faults.take("POST", "/v1/messages") is not None for _ in range(200)]

    struck = run()
    assert struck == run()
    assert 40 <= sum(struck) <= 80
