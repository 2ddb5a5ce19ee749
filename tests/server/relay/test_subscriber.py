"""Answers through a real Redis: many at once, late readers, and a Redis that goes away."""

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator

import pytest

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.answer import Answer, AnswerHead
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.relay.entries import key_of
from palimpsest.relay.link import StopChannel
from palimpsest.relay.publisher import Publisher
from palimpsest.relay.subscriber import Subscriber
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
async def subscriber(streams: Streams, parts: Parts) -> AsyncGenerator[Subscriber]:
    database = Database(parts.database_url, 5)
    made = Subscriber(streams, RequestStore(database), f"edge-{uuid.uuid4().hex}")
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


async def test_many_answers_at_once(streams: Streams, subscriber: Subscriber) -> None:
    relay = Publisher(streams)

    async def one(number: int) -> None:
        exchange, read = new_exchange(), Answer()
        chunks = [random.randbytes(random.randint(1, 2000)) for _ in range(number)]
        relay.publish(exchange, 1)
        subscriber.subscribe(exchange.request_id, read)
        await asyncio.gather(write(exchange, chunks), read.wait_for_end())
        assert (read.head, read.received(), read.error) == (HEAD, b"".join(chunks), None)

    async with asyncio.timeout(20):
        await asyncio.gather(*(one(number) for number in range(60)))


async def test_a_late_reader_has_all_from_the_start(
    streams: Streams, subscriber: Subscriber
) -> None:
    exchange, early, late = new_exchange(), Answer(), Answer()
    Publisher(streams).publish(exchange, 1)
    subscriber.subscribe(exchange.request_id, early)
    exchange.answer.begin(HEAD)
    exchange.answer.write(b"one,")
    await early.wait_for_head(5)
    subscriber.subscribe(exchange.request_id, late)
    exchange.answer.write(b"two")
    exchange.answer.end()
    async with asyncio.timeout(10):
        await asyncio.gather(early.wait_for_end(), late.wait_for_end())
    assert early.received() == late.received() == b"one,two"


async def test_a_redis_that_lost_everything(
    streams: Streams, subscriber: Subscriber, redis: RedisServer
) -> None:
    relay, exchange, read = Publisher(streams), new_exchange(), Answer()
    relay.publish(exchange, 1)
    subscriber.subscribe(exchange.request_id, read)
    exchange.answer.begin(HEAD)
    exchange.answer.write(b"one,")
    await read.wait_for_head(5)
    await redis.kill()
    exchange.answer.write(b"two,")
    async with asyncio.timeout(10):
        await eventually(lambda: quiet(subscriber, exchange), bool)
    await redis.start()
    exchange.answer.write(b"three")
    exchange.answer.end()
    async with asyncio.timeout(10):
        await read.wait_for_end()
    assert (read.received(), read.error) == (b"one,two,three", None)


async def test_who_waits_is_told_of_an_end_on_record(
    streams: Streams, subscriber: Subscriber
) -> None:
    relay, exchange = Publisher(streams), new_exchange()
    relay.publish(exchange, 1)
    subscriber.subscribe(exchange.request_id, Answer())
    async with asyncio.timeout(5):
        await eventually(lambda: exists(streams, exchange), bool)
        assert not subscriber.should_poll(exchange.request_id)
        await relay.announce_end(exchange.request_id)
        await eventually(lambda: quiet(subscriber, exchange), bool)


async def test_a_call_is_given_up_from_afar(streams: Streams) -> None:
    exchanges, exchange = ExchangeRegistry(), new_exchange()
    exchanges.add(exchange)
    control = StopChannel(streams, exchanges)
    listening = asyncio.create_task(control.run())

    async def gave_up() -> bool:
        await control.request_stop("req_of_nobody")
        await control.request_stop(exchange.request_id)
        return exchange.lifecycle.client_left

    async with asyncio.timeout(5):
        await eventually(gave_up, bool)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def quiet(subscriber: Subscriber, exchange: Exchange) -> bool:
    return subscriber.should_poll(exchange.request_id)


async def exists(streams: Streams, exchange: Exchange) -> bool:
    return await streams.append(key_of(exchange.request_id), [], creates=False, expires=60)
