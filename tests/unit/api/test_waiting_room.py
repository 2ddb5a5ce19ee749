"""Who waits is let in by turns of their callers, leaves when the client does, and no more wait."""

import asyncio

import pytest

from api.waiting_room import Release, WaitingRoom
from palimpsest.exchanges.disconnects import Connection
from palimpsest.runtime.errors import BadRequest, Draining, Overloaded


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_take_turns() -> None:
    room, order = WaitingRoom(1, 100), list[str]()
    first = await room.enter(("first",), Connection())

    async def one(key: str) -> None:
        release = await room.enter((key,), Connection())
        order.append(key)
        release()

    tasks = [asyncio.create_task(one(key)) for key in ["many"] * 4 + ["few"] * 2]
    await settle()
    assert room.waiting == 6
    first()
    await asyncio.gather(*tasks)
    assert order == ["many", "few", "many", "few", "many", "many"]
    assert room.waiting == 0


async def test_a_place_is_given_back_once() -> None:
    room = WaitingRoom(1, 1)
    release = await room.enter((), Connection())
    release()
    release()
    held = await room.enter((), Connection())
    waiting = asyncio.create_task(room.enter((), Connection()))
    await settle()
    assert not waiting.done()
    with pytest.raises(Overloaded):
        await room.enter((), Connection())
    held()
    (await waiting)()


async def test_who_leaves_does_not_wait() -> None:
    room = WaitingRoom(1, 2)
    held = await room.enter((), Connection())
    connection = Connection()
    leaving = asyncio.create_task(room.enter((), connection))
    cut: asyncio.Task[Release] = asyncio.create_task(room.enter((), Connection()))
    await settle()
    assert connection.on_lost
    connection.on_lost()
    cut.cancel()
    with pytest.raises(BadRequest):
        await leaving
    with pytest.raises(asyncio.CancelledError):
        await cut
    assert room.waiting == 0
    held()
    (await room.enter((), Connection()))()


async def test_nobody_waits_for_a_process_that_stops() -> None:
    room = WaitingRoom(1, 2)
    await room.enter((), Connection())
    waiting = asyncio.create_task(room.enter((), Connection()))
    await settle()
    room.close()
    with pytest.raises(Draining):
        await waiting
