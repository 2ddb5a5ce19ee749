"""Who waits is let in by turns of their callers, leaves when the client does, and no more wait."""

import asyncio

import pytest

from api.waiting_room import Release, WaitingRoom, key_of
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


@pytest.mark.parametrize(
    "name",
    [b"authorization", b"x-api-key", b"api-key", b"X-Goog-Api-Key", b"cookie", b"x-some-token"],
)
def test_callers_are_told_apart_by_a_credential_of_any_name(name: bytes) -> None:
    first, second = key_of(((name, b"one"),)), key_of(((name, b"two"),))
    assert len({first, second, key_of(())}) == 3
    assert key_of(((b"accept", b"*/*"), (name.lower(), b"one"))) == first
    assert "a-secret" not in repr(key_of(((name, b"a-secret"),)))


def test_sessions_of_a_caller_have_turns_of_their_own() -> None:
    key, session = (b"api-key", b"one"), b"x-claude-code-session-id"
    keys = {key_of((key, (session, name))) for name in (b"a", b"b")}
    assert len(keys | {key_of((key,)), key_of(((session, b"a"),))}) == 4


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
