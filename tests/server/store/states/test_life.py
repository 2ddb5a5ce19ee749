"""A request's life in the database against a model of it: accepted, forwarding, ended.

Two processes do whatever comes to their mind with one request, dead or alive; the statements let
through what is legal, and nothing else.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from palimpsest.exchanges.model import Outcome
from palimpsest.forwarding.model import AttemptEnd, Lease
from palimpsest.runtime.heartbeat import Heartbeat
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.journal import Journal
from palimpsest.store.postgres.requests import RequestStore
from tests.support.request_life import (
    SHOWN,
    accepted,
    name,
    settled,
)

OWNERS = ("A", "B")
BURY = text("UPDATE processes SET beat_at = now() - interval '10 seconds' WHERE owner = :owner")
LEFT = text("""
SELECT (SELECT count(*) FROM vault WHERE request_id = :id) AS vault,
       (SELECT count(*) FROM claims WHERE request_id = :id) AS claims,
       (SELECT count(*) FROM journal WHERE request_id = :id) AS journal
""")
Step = tuple[str, int]


@dataclass
class Model:
    """``leases``: those that were given, by owner and number of the attempt."""

    state: str = "accepted"
    outcome: str | None = None
    owner: str | None = None
    fence: int = 0
    alive: set[str] = field(default_factory=lambda: set(OWNERS))
    attempts: list[str | None] = field(default_factory=list[str | None])
    journal: bool = False

    def begin(self, owner: str) -> bool:
        held = self.owner not in (None, owner) and self.owner in self.alive
        if self.state == "ended" or held:
            return False
        self.attempts = [outcome or "unknown" for outcome in self.attempts]
        self.attempts.append(None)
        self.state, self.owner, self.fence = "forwarding", owner, self.fence + 1
        return True

    def close(self, number: int) -> None:
        if number == self.fence and self.attempts[number - 1] is None:
            self.attempts[number - 1] = "upstream_error"

    def settle(self, number: int) -> bool:
        if self.outcome == "answered" and number == self.fence:
            return True  # its own commit, whose answer was lost
        if self.state == "ended" or number != self.fence:
            return False
        self.state, self.outcome, self.journal = "ended", "answered", False
        self.attempts[number - 1] = "answered"
        return True

    def fail(self) -> bool:
        if self.state == "ended":
            return False
        self.state, self.outcome, self.journal = "ended", "failed", False
        self.attempts = [outcome or "unknown" for outcome in self.attempts]
        return True

    def append(self, number: int) -> bool:
        legal = self.state != "ended" and number == self.fence
        self.journal = self.journal or legal
        return legal


WEIGHTS = ["begin"] * 5 + ["close"] * 2 + ["append"] * 2 + ["bury", "beat", "settle", "fail"]
STEPS = st.lists(st.tuples(st.sampled_from(WEIGHTS), st.integers(0, 5)), max_size=14)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
async def test_any_order_of_steps(
    steps: list[Step], database: Database, store: RequestStore
) -> None:
    request_id, model, leases = name(), Model(), list[Lease]()
    journal = Journal(database)
    for owner in OWNERS:
        await Heartbeat(database, owner).beat()
    assert await store.accept(accepted(request_id, request_id)) == request_id
    for step, choice in steps:
        owner = OWNERS[choice % 2]
        match step:
            case "begin":
                lease = await store.begin_attempt(request_id, owner, SHOWN)
                assert (lease is not None) is model.begin(owner)
                if lease:
                    assert (lease.number, lease.fence) == (len(model.attempts), model.fence)
                    leases.append(lease)
            case "bury":
                model.alive.discard(owner)
                await database.run(BURY, {"owner": owner})
            case "beat":
                model.alive.add(owner)
                await Heartbeat(database, owner).beat()
            case "fail":
                assert (
                    await store.end_without_answer(request_id, Outcome.FAILED, 503, "why")
                    is model.fail()
                )
            case _ if leases:
                lease = leases[-1 - choice % len(leases)]
                await use(step, request_id, lease, model, store, journal)
            case _:
                continue
        await agrees(request_id, model, store, database)


async def use(
    step: str, request_id: str, lease: Lease, model: Model, store: RequestStore, journal: Journal
) -> None:
    """Do something that needs a lease with a lease that may be stale."""
    if step == "close":
        await store.close_attempt(request_id, AttemptEnd(lease, Outcome.UPSTREAM_ERROR, 529))
        model.close(lease.number)
    elif step == "settle":
        assert await store.settle(settled(request_id, lease)) is model.settle(lease.number)
    else:
        held = await journal.append(request_id, lease.fence, 0, b"x")
        assert held is model.append(lease.number)


async def agrees(request_id: str, model: Model, store: RequestStore, database: Database) -> None:
    row = await store.read_request(request_id)
    assert (row.state, row.outcome) == (model.state, model.outcome)
    assert (row.owner, row.fence) == (model.owner, model.fence)
    attempts = await store.read_attempts(request_id)
    assert [attempt.outcome for attempt in attempts] == model.attempts
    assert [attempt.closed_at is None for attempt in attempts] == [
        outcome is None for outcome in model.attempts
    ]
    [left] = await database.run(LEFT, {"id": request_id})
    assert left["vault"] == (model.state != "ended")
    assert left["claims"] == (model.outcome != "failed")
    assert (left["journal"] > 0) is model.journal
