"""What was lost and what was paid for twice: pure, from the provider's log, the database and what
clients received."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.chaos.client import Try
from harness.chaos.ledger import Kept, Row
from harness.chaos.part import Struck
from harness.chaos.wire import WireCall
from palimpsest.exchanges.model import Outcome, RequestState

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
"""The provider sends them and so do we: they are no part of an answer."""

_CLOCK_SLACK = 0.05


@dataclass(frozen=True, slots=True)
class Evidence:
    calls: Sequence[WireCall]
    ledger: Sequence[Kept]
    tries: Sequence[Try]
    struck: Sequence[Struck]


@dataclass(slots=True)
class Verdict:
    """``unrecorded``: wire calls without a row of their own; ``unsent``: rows without a call,
    ``misnamed`` those of them that do not say `unknown`; ``in_flight`` bounds ``unsent``."""

    accepted: int = 0
    answered: int = 0
    failed_with_reason: int = 0
    lost: int = 0
    wire_calls: int = 0
    attempt_rows: int = 0
    unrecorded: int = 0
    unsent: int = 0
    misnamed: int = 0
    in_flight: int = 0
    completed_called_twice: int = 0
    problems: list[str] = field(default_factory=list[str])


def judge(evidence: Evidence) -> Verdict:
    verdict = Verdict(
        accepted=len(evidence.ledger),
        wire_calls=len(evidence.calls),
        attempt_rows=sum(len(kept.attempts) for kept in evidence.ledger),
    )
    calls = _by_hash(evidence.calls)
    received = _received(evidence.tries)
    _find_lost(verdict, evidence, calls, received)
    _match_rows(verdict, evidence, calls)
    _find_twice(verdict, evidence, calls)
    return verdict


def _find_lost(
    verdict: Verdict,
    evidence: Evidence,
    calls: dict[str, list[WireCall]],
    received: dict[str, list[Try]],
) -> None:
    for kept in evidence.ledger:
        why = _loss(kept, calls[kept.hash], received.pop(kept.id, []))
        if why:
            verdict.lost += 1
            verdict.problems.append(f"lost {kept.id}: {why}")
        elif kept.outcome == Outcome.ANSWERED:
            verdict.answered += 1
        else:
            verdict.failed_with_reason += 1
    for request_id in received:
        verdict.lost += 1
        verdict.problems.append(f"lost {request_id}: a client has its answer, the database nothing")


def _loss(kept: Kept, calls: list[WireCall], received: list[Try]) -> str | None:
    if kept.state != RequestState.ENDED:
        return f"it never ended, state {kept.state}"
    if kept.outcome != Outcome.ANSWERED:
        if received:
            return f"a client has its whole answer, on record it is {kept.outcome}"
        return None if _has_reason(kept) else f"{kept.outcome} without a reason"
    if kept.answer is None:
        return "its answer cannot be read back"
    if not any(call.answer == kept.answer and call.ended == "complete" for call in calls):
        return "its answer is not one that the provider completed"
    if any(_bare(bytes(made.content)) != _bare(kept.answer) for made in received):
        return "its client received other bytes than are on record"
    return None


def _has_reason(kept: Kept) -> bool:
    refused = kept.status is not None and kept.status >= 400 and kept.answer
    return bool(kept.reason or refused)


def _match_rows(verdict: Verdict, evidence: Evidence, calls: dict[str, list[WireCall]]) -> None:
    """Each call takes the newest row of its body that was written before it."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for kept in evidence.ledger:
        rows[kept.hash] += kept.attempts
    for hash_, of_body in calls.items():
        free = sorted(rows[hash_], key=lambda row: row.sent_at)
        for call in of_body:
            earlier = [row for row in free if row.sent_at <= call.at + _CLOCK_SLACK]
            if earlier:
                free.remove(earlier[-1])
            else:
                verdict.unrecorded += 1
                verdict.problems.append(f"wire call {call.number} has no row")
        rows[hash_] = free
    for row in (row for free in rows.values() for row in free):
        verdict.unsent += 1
        if row.outcome != Outcome.UNKNOWN:
            verdict.misnamed += 1
            verdict.problems.append(
                f"{row.request_id} attempt {row.number} was never sent and is called {row.outcome}"
            )
    every = (row for kept in evidence.ledger for row in kept.attempts)
    verdict.in_flight = sum(any(_was_open(row, blow) for blow in evidence.struck) for row in every)


def _was_open(row: Row, blow: Struck) -> bool:
    closed = float("inf") if row.closed_at is None else row.closed_at
    return row.sent_at <= blow.over + _CLOCK_SLACK and closed >= blow.at - _CLOCK_SLACK


def _find_twice(
    verdict: Verdict,
    evidence: Evidence,
    calls: dict[str, list[WireCall]],
) -> None:
    """A call after the end of one whose answer was committed, or which a client has whole."""
    known: dict[str, set[bytes]] = defaultdict(set)
    for kept in evidence.ledger:
        if kept.outcome == Outcome.ANSWERED and kept.answer is not None:
            known[kept.hash].add(_bare(kept.answer))
    for made in evidence.tries:
        if made.whole:
            known[made.hash].add(_bare(bytes(made.content)))
    for hash_, of_body in calls.items():
        done = [call for call in of_body if call.ended == "complete" and call.status == 200]
        ends = [call.ended_at for call in done if _bare(call.answer) in known[hash_]]
        first = min((end for end in ends if end is not None), default=None)
        if first is None:
            continue
        again = [call.number for call in of_body if call.at > first]
        if again:
            verdict.completed_called_twice += 1
            verdict.problems.append(f"answered and called again: {again}, body {hash_[:12]}")


def _received(tries: Iterable[Try]) -> dict[str, list[Try]]:
    """Whole answers by the request id they came under."""
    found: dict[str, list[Try]] = defaultdict(list)
    for made in tries:
        if made.whole and made.request_id:
            found[made.request_id].append(made)
    return found


def _by_hash(calls: Iterable[WireCall]) -> dict[str, list[WireCall]]:
    found: dict[str, list[WireCall]] = defaultdict(list)
    for call in calls:
        found[call.hash].append(call)
    return found


def _bare(content: bytes) -> bytes:
    return content.replace(PING, b"")
