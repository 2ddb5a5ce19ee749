"""Who counts as dead: by its heartbeat, by its pid on the same host, and not after an outage."""

import asyncio
import sys

import pytest
from sqlalchemy import text

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.runtime.heartbeat import SETTLE_SECONDS, Heartbeat
from palimpsest.runtime.process_identity import is_gone, own_name
from palimpsest.runtime.process_mark import Mark
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from tests.support.request_life import SHOWN, accepted, name

SILENCE = text("UPDATE processes SET beat_at = now() - interval '10 seconds' WHERE owner = :owner")
EMPTY = text("DELETE FROM processes")
FORGET = text("DELETE FROM processes WHERE owner = :owner")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def owner_of_a_dead_process() -> str:
    """The name of a process that ran here and has ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )
    mark = Mark.of(process.pid)
    owner = f"{own_name().split(':')[0]}:{mark.pid}:{mark.started}:token"
    assert not is_gone(owner)
    process.kill()
    await process.wait()
    return owner


async def owners(database: Database) -> set[str]:
    return {row["owner"] for row in await database.run(text("SELECT owner FROM processes"))}


async def test_only_a_process_of_this_place_is_known_to_be_gone() -> None:
    here, pid, started, token = own_name().split(":")
    dead = await owner_of_a_dead_process()
    assert is_gone(dead)
    assert not is_gone(own_name())
    assert is_gone(f"{here}:{pid}:{float(started) - 60}:{token}"), "the pid was given anew"
    assert not is_gone(dead.replace(here, "another-host@0"))
    assert not any(map(is_gone, ("", "edge", f"{here}:x:y:z", f"{here}:1")))


async def test_a_start_forgets_the_dead_of_this_host(database: Database) -> None:
    dead, elsewhere = await owner_of_a_dead_process(), "host@0:1:2.0:token"
    for owner in (dead, elsewhere):
        await Heartbeat(database, owner).beat()
    heart = Heartbeat(database, own_name())
    await heart.start(is_gone)
    found = await owners(database)
    assert dead not in found
    assert {elsewhere, heart.owner} <= found


async def test_a_living_owner_is_left_alone_just_after_an_outage(
    database: Database, store: RequestStore
) -> None:
    """It is silent too, and may beat again at any moment."""
    clock, living, other, request_id = Clock(), name(), name(), name()
    away = Database("postgresql://127.0.0.1:1/none", timeout=1)
    heart = Heartbeat(away, other, clock)
    await store.accept(accepted(request_id, request_id))
    await Heartbeat(database, living).beat()
    assert await store.begin_attempt(request_id, living, SHOWN)
    await database.run(SILENCE, {"owner": living})
    with pytest.raises(DatabaseUnavailable):
        await heart.beat()

    async def take() -> bool:
        lease = await store.begin_attempt(
            request_id, other, SHOWN, trusts_silence=heart.trusts_silence
        )
        return lease is not None

    clock.now += SETTLE_SECONDS - 0.1
    assert not await take()
    clock.now += 0.1
    assert await take()


async def test_who_left_in_good_order_is_not_waited_for(
    database: Database, store: RequestStore
) -> None:
    request_id, owner = name(), name()
    await store.accept(accepted(request_id, request_id))
    await Heartbeat(database, owner).beat()
    assert await store.begin_attempt(request_id, owner, SHOWN)
    assert not await store.begin_attempt(request_id, "other", SHOWN, trusts_silence=False)
    await Heartbeat(database, owner).stop()
    assert await store.begin_attempt(request_id, "other", SHOWN, trusts_silence=False)


@pytest.fixture
def store(database: Database) -> RequestStore:
    return RequestStore(database)


@pytest.mark.parametrize(
    ("others", "trusts"), [("none", True), ("beating", True), ("silent", False)]
)
async def test_a_start_amid_silence_trusts_it_later(
    database: Database, others: str, trusts: bool
) -> None:
    """All are silent after an outage of the database, which we have not seen."""
    await database.run(EMPTY)
    if others != "none":
        await Heartbeat(database, "other-host").beat()
    if others == "silent":
        await database.run(SILENCE, {"owner": "other-host"})
    clock = Clock()
    heart = Heartbeat(database, own_name(), clock)
    await heart.start(is_gone)
    assert heart.trusts_silence is trusts
    clock.now += SETTLE_SECONDS
    assert heart.trusts_silence
    await database.run(FORGET, {"owner": heart.owner})


async def test_strays_of_the_silent_are_left_after_an_outage(
    database: Database, store: RequestStore
) -> None:
    request_id, owner = name(), name()
    await store.accept(accepted(request_id, request_id))
    await Heartbeat(database, owner).beat()
    assert await store.begin_attempt(request_id, owner, SHOWN)
    await database.run(SILENCE, {"owner": owner})

    async def is_stray(*, trusts: bool) -> bool:
        found = await store.find_stalled(-1, besides=[], trusts_silence=trusts)
        return request_id in dict(found)

    assert await is_stray(trusts=True)
    assert not await is_stray(trusts=False)
