"""Answers through a real Redis: many at once, late readers, and a Redis that goes away."""

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator

import pytest

from palimpsest.dialects.anthropic.view import parse
from palimpsest.exchanges.answer import Answer, AnswerHead
from palimpsest.exchanges.exchange import Exchange, Exchanges
from palimpsest.relay.control import Control
from palimpsest.relay.entries import key_of
from palimpsest.relay.publisher import Relay
from palimpsest.relay.subscriber import Following
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.redis.streams import Streams
from tests.support.proxy import Parts
from tests.support.redis_server import RedisServer
from tests.support.requests import eventually, message

HEAD = AnswerHead(200, ((b"content-type", b"text/event-stream"),))
VIEW = parse(message())


def new_exchange() -> Exchange:
    return Exchange(f"req_{uuid.uuid4().hex}", VIEW, b"/v1/messages", ())


@pytest.fixture
async def following(streams: Streams, parts: Parts) -> AsyncGenerator[Following]:
    database = Database(parts.database_url, 5)
    made = Following(streams, RequestStore(database), f"edge-{uuid.uuid4().hex}")
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await database.close()


async def write(exchange: Exchange, chunks: list[bytes]) -> None:
    exchange.answer.begin(HEAD)
    for chunk in chunks:
        exchange.answer.write(chunk)
        await asyncio.sleep(0.001 * random.random())
    exchange.answer.end()


async def test_many_answers_at_once(streams: Streams, following: Following) -> None:
    relay = Relay(streams)

    async def one(number: int) -> None:
        exchange, read = new_exchange(), Answer()
        chunks = [random.randbytes(random.randint(1, 2000)) for _ in range(number)]
        relay.mirror(exchange, 1)
        following.follow(exchange.request_id, read)
        await asyncio.gather(write(exchange, chunks), read.over())
        assert (read.head, read.content(), read.error) == (HEAD, b"".join(chunks), None)

    async with asyncio.timeout(20):
        await asyncio.gather(*(one(number) for number in range(60)))


async def test_a_late_reader_has_all_from_the_start(streams: Streams, following: Following) -> None:
    exchange, early, late = new_exchange(), Answer(), Answer()
    Relay(streams).mirror(exchange, 1)
    following.follow(exchange.request_id, early)
    exchange.answer.begin(HEAD)
    exchange.answer.write(b"one,")
    await early.begun(5)
    following.follow(exchange.request_id, late)
    exchange.answer.write(b"two")
    exchange.answer.end()
    async with asyncio.timeout(10):
        await asyncio.gather(early.over(), late.over())
    assert early.content() == late.content() == b"one,two"


async def test_a_redis_that_lost_everything(
    streams: Streams, following: Following, redis: RedisServer
) -> None:
    relay, exchange, read = Relay(streams), new_exchange(), Answer()
    relay.mirror(exchange, 1)
    following.follow(exchange.request_id, read)
    exchange.answer.begin(HEAD)
    exchange.answer.write(b"one,")
    await read.begun(5)
    await redis.kill()
    exchange.answer.write(b"two,")
    async with asyncio.timeout(10):
        await eventually(lambda: quiet(following, exchange), bool)
    await redis.start()
    exchange.answer.write(b"three")
    exchange.answer.end()
    async with asyncio.timeout(10):
        await read.over()
    assert (read.content(), read.error) == (b"one,two,three", None)


async def test_who_waits_is_told_of_an_end_on_record(
    streams: Streams, following: Following
) -> None:
    relay, exchange = Relay(streams), new_exchange()
    relay.mirror(exchange, 1)
    following.follow(exchange.request_id, Answer())
    async with asyncio.timeout(5):
        await eventually(lambda: exists(streams, exchange), bool)
        assert not following.quiet(exchange.request_id)
        await relay.recorded(exchange.request_id)
        await eventually(lambda: quiet(following, exchange), bool)


async def test_a_call_is_given_up_from_afar(streams: Streams) -> None:
    exchanges, exchange = Exchanges(), new_exchange()
    exchanges.add(exchange)
    control = Control(streams, exchanges)
    listening = asyncio.create_task(control.run())

    async def gave_up() -> bool:
        await control.give_up("req_of_nobody")
        await control.give_up(exchange.request_id)
        return exchange.gave_up

    async with asyncio.timeout(5):
        await eventually(gave_up, bool)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def quiet(following: Following, exchange: Exchange) -> bool:
    return following.quiet(exchange.request_id)


async def exists(streams: Streams, exchange: Exchange) -> bool:
    return await streams.append(key_of(exchange.request_id), [], creates=False, expires=60)
