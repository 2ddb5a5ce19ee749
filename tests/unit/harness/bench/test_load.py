"""The load generator against a server on a socket, one that can cut or spoil its answers."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from harness.bench.bodies import conversation
from harness.bench.job import Job, Outcome
from harness.bench.load import Load

WHOLE = (
    b'event: message_start\ndata: {"type":"message_start"}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
MESSAGE = b'{"type":"message","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn"}'


class Server:
    """Answers each request with the next of ``answers``, the last one for ever."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.bodies: list[bytes] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                writer.write(answer)
                await writer.drain()
                if not answer.endswith(b"0\r\n\r\n") and b"content-length" not in answer:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncGenerator[tuple[str, Server]]:
    server = Server(*answers)
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", server
    finally:
        listening.close()
        await listening.wait_closed()


def chunked(body: bytes, status: str = "200 OK") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n{len(body):x}\r\n".encode()
        + body
        + b"\r\n0\r\n\r\n"
    )


def plain(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def load(url: str, *, stream: bool, requests: int = 20, clients: int = 2) -> Outcome:
    job = Job(
        url=url,
        clients=clients,
        body_kb=1,
        stream=stream,
        seconds=30,
        warm_up=0,
        max_requests=requests,
    )
    return await Load(job).run()


async def test_whole_answers_are_measured():
    async with serving(chunked(WHOLE)) as (url, server):
        outcome = await load(url, stream=True)
    assert outcome.failures == []
    assert 20 <= outcome.requests <= 22
    assert 0 < len(outcome.total_ms) <= outcome.requests
    pairs = zip(outcome.ttfb_ms, outcome.total_ms, strict=True)
    assert all(0 < ttfb <= total for ttfb, total in pairs)
    assert len(set(server.bodies)) == len(server.bodies) == outcome.requests


async def test_openings_come_before_and_are_not_measured() -> None:
    async with serving(chunked(WHOLE)) as (url, server):
        job = Job(url=url, clients=3, body_kb=40, stream=True, seconds=0, opening=True)
        outcome = await Load(job).run()
    talks = [conversation(40, client, stream=True) for client in range(3)]
    assert server.bodies == [talk.opening for talk in talks]
    assert (outcome.requests, outcome.total_ms) == (3, [])


async def test_a_message_that_does_not_stream():
    async with serving(plain(MESSAGE)) as (url, _):
        outcome = await load(url, stream=False)
    assert outcome.failures == []
    assert outcome.requests >= 20


@pytest.mark.parametrize(
    ("answer", "stream", "reason"),
    [
        (chunked(WHOLE.rpartition(b"event:")[0]), True, "cut"),
        (chunked(WHOLE).removesuffix(b"0\r\n\r\n"), True, "connection lost"),
        (chunked(b'event: error\ndata: {"type":"error"}\n\n'), True, "no message_start"),
        (plain(MESSAGE, "529 Overloaded"), False, "status 529"),
        (plain(MESSAGE.replace(b'"end_turn"', b"null")), False, "not a whole message"),
        (plain(MESSAGE[:-2]), False, "not a message"),
    ],
)
async def test_a_bad_answer_is_a_failure_and_no_sample(answer: bytes, stream: bool, reason: str):
    good = chunked(WHOLE) if stream else plain(MESSAGE)
    async with serving(answer, good) as (url, _):
        outcome = await load(url, stream=stream)
    assert len(outcome.failures) == 1
    assert reason in outcome.failures[0]
    assert outcome.requests >= 20


async def test_a_dead_target_fails_every_request():
    async with serving(chunked(WHOLE)) as (url, _):
        pass
    job = Job(url=url, clients=1, body_kb=1, stream=True, seconds=0.1, warm_up=0)
    outcome = await Load(job).run()
    assert outcome.requests == 0
    assert outcome.failures
    assert outcome.failures[0].startswith("no connection")
