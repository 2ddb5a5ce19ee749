"""The verdict on a run: what was lost and what was paid for twice. Pure, from the provider's log,
the database and what clients received."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.chaos.client import Sending
from harness.chaos.component import Fault
from harness.chaos.ledger import AttemptRecord, RequestRecord
from harness.chaos.wire import WireCall
from palimpsest.exchanges.model import Outcome, RequestState

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
"""The provider sends them and so do we: they are no part of an answer."""

_CLOCK_SLACK = 0.05


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left: the provider's log, the database, the clients' records and the faults."""

    calls: Sequence[WireCall]
    ledger: Sequence[RequestRecord]
    sendings: Sequence[Sending]
    faults: Sequence[Fault]


@dataclass(slots=True)
class Verdict:
    """Counts of requests, of wire calls and of attempt rows."""

    accepted: int = 0
    answered: int = 0
    failed_with_reason: int = 0
    lost: int = 0
    wire_calls: int = 0
    attempt_rows: int = 0
    unrecorded: int = 0
    """Wire calls without a row of their own."""
    unsent: int = 0
    """Rows without a wire call."""
    misnamed: int = 0
    """Unsent rows whose outcome is not `unknown`."""
    in_flight: int = 0
    """Rows that were open at a fault: a bound on ``unsent``."""
    completed_called_twice: int = 0
    problems: list[str] = field(default_factory=list[str])


def judge(evidence: Evidence) -> Verdict:
    """Count losses, second calls and calls without a row."""
    verdict = Verdict(
        accepted=len(evidence.ledger),
        wire_calls=len(evidence.calls),
        attempt_rows=sum(len(record.attempts) for record in evidence.ledger),
    )
    calls = _by_hash(evidence.calls)
    received = _whole_answers(evidence.sendings)
    _find_lost(verdict, evidence, calls, received)
    _match_rows(verdict, evidence, calls)
    _find_called_twice(verdict, evidence, calls)
    return verdict


def _find_lost(
    verdict: Verdict,
    evidence: Evidence,
    calls: dict[str, list[WireCall]],
    received: dict[str, list[Sending]],
) -> None:
    for record in evidence.ledger:
        why = _reason_lost(record, calls[record.hash], received.pop(record.id, []))
        if why:
            verdict.lost += 1
            verdict.problems.append(f"lost {record.id}: {why}")
        elif record.outcome == Outcome.ANSWERED:
            verdict.answered += 1
        else:
            verdict.failed_with_reason += 1
    for request_id in received:
        verdict.lost += 1
        verdict.problems.append(f"lost {request_id}: a client has its answer, the database nothing")


def _reason_lost(
    record: RequestRecord, calls: list[WireCall], received: list[Sending]
) -> str | None:
    if record.state != RequestState.ENDED:
        return f"it never ended, state {record.state}"
    if record.outcome != Outcome.ANSWERED:
        if received:
            return f"a client has its whole answer, on record it is {record.outcome}"
        return None if _has_reason(record) else f"{record.outcome} without a reason"
    if record.answer is None:
        return "its answer cannot be read back"
    if not any(call.answer == record.answer and call.ended == "complete" for call in calls):
        return "its answer is not one that the provider completed"
    if any(
        _without_pings(bytes(sending.content)) != _without_pings(record.answer)
        for sending in received
    ):
        return "its client received other bytes than are on record"
    return None


def _has_reason(record: RequestRecord) -> bool:
    refused = record.status is not None and record.status >= 400 and record.answer
    return bool(record.reason or refused)


def _match_rows(verdict: Verdict, evidence: Evidence, calls: dict[str, list[WireCall]]) -> None:
    """Each call takes the newest row of its body that was written before it."""
    rows: dict[str, list[AttemptRecord]] = defaultdict(list)
    for record in evidence.ledger:
        rows[record.hash] += record.attempts
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
    every = (row for record in evidence.ledger for row in record.attempts)
    verdict.in_flight = sum(
        any(_was_open(row, fault) for fault in evidence.faults) for row in every
    )


def _was_open(row: AttemptRecord, fault: Fault) -> bool:
    closed = float("inf") if row.closed_at is None else row.closed_at
    return row.sent_at <= fault.over + _CLOCK_SLACK and closed >= fault.at - _CLOCK_SLACK


def _find_called_twice(
    verdict: Verdict,
    evidence: Evidence,
    calls: dict[str, list[WireCall]],
) -> None:
    """A call after the end of one whose answer was committed, or which a client has whole."""
    answers: dict[str, set[bytes]] = defaultdict(set)
    for record in evidence.ledger:
        if record.outcome == Outcome.ANSWERED and record.answer is not None:
            answers[record.hash].add(_without_pings(record.answer))
    for sending in evidence.sendings:
        if sending.whole:
            answers[sending.hash].add(_without_pings(bytes(sending.content)))
    for hash_, of_body in calls.items():
        done = [call for call in of_body if call.ended == "complete" and call.status == 200]
        ends = [call.ended_at for call in done if _without_pings(call.answer) in answers[hash_]]
        first = min((end for end in ends if end is not None), default=None)
        if first is None:
            continue
        again = [call.number for call in of_body if call.at > first]
        if again:
            verdict.completed_called_twice += 1
            verdict.problems.append(f"answered and called again: {again}, body {hash_[:12]}")


def _whole_answers(sendings: Iterable[Sending]) -> dict[str, list[Sending]]:
    """Whole answers by the request id they came under."""
    found: dict[str, list[Sending]] = defaultdict(list)
    for sending in sendings:
        if sending.whole and sending.request_id:
            found[sending.request_id].append(sending)
    return found


def _by_hash(calls: Iterable[WireCall]) -> dict[str, list[WireCall]]:
    found: dict[str, list[WireCall]] = defaultdict(list)
    for call in calls:
        found[call.hash].append(call)
    return found


def _without_pings(content: bytes) -> bytes:
    return content.replace(PING, b"")
