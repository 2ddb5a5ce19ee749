"""Whatever ends a request while it is taken in or answered, this process keeps nothing of it."""

import asyncio
import gc
import weakref
from typing import cast

import pytest

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.exchange import Exchange
from tests.support.proxy import Parts, RunningProxy
from tests.support.requests import eventually, message
from tests.support.stored_requests import new_id
from tests.support.table_lock import locked, waiting

HEADERS = ((b"x-api-key", b"sk-ant-test"),)


def taken(content: str, target: bytes = b"/v1/messages") -> Exchange:
    return Exchange(new_id(), parse(message(content)), target, HEADERS)


async def test_a_bug_leaves_nothing_behind(running: RunningProxy) -> None:
    accept = running.process.edge.acceptance.accept
    kept: list[weakref.ref[object]] = []
    for number in range(12):
        exchange = taken(f"{number} " + "x" * 100_000, cast("bytes", None))
        kept.append(weakref.ref(exchange.answer))
        with pytest.raises(TypeError):
            await accept(exchange)
        assert exchange.answer.error
        del exchange
    assert len(running.process.exchanges) == 0
    gc.collect()
    assert not [found for found in kept if found()]


async def test_a_task_that_is_cut_leaves_nothing_behind(
    parts: Parts, running: RunningProxy
) -> None:
    accept = running.process.edge.acceptance.accept
    async with locked(parts, "claims"):
        exchange = taken("cut")
        accepting = asyncio.create_task(accept(exchange))

        async def stuck() -> bool:
            return await waiting(parts, "claims")

        await eventually(stuck, bool)
        assert len(running.process.exchanges) == 1
        accepting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await accepting
        assert len(running.process.exchanges) == 0
    assert exchange.answer.error
