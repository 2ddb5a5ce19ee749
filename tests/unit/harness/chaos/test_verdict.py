"""The verdict finds every loss and every second call: each test is one way to lose or pay twice."""

from dataclasses import replace

from harness.chaos.client import Sending
from harness.chaos.component import Fault
from harness.chaos.fault_schedule import FaultKind
from harness.chaos.latency import forwarding_after_kill
from harness.chaos.ledger import AttemptRecord, RequestRecord
from harness.chaos.report import report
from harness.chaos.verdict import (
    PING,
    Evidence,
    Verdict,
    judge,
)
from harness.chaos.wire import WireCall

ANSWER = b"event: message_stop\ndata: {}\n\n"
CALL = WireCall(1, "b", 10.1, "complete", 11.0, 200, ANSWER)
ATTEMPT = AttemptRecord("r", 1, 10.0, 11.0, "answered")
RECORD = RequestRecord("r", "b", "ended", "answered", None, 200, 9.9, 11.0, ANSWER, [ATTEMPT])
SENDING = Sending("b", 9.8, "r", 200, bytearray(ANSWER), whole=True, ended_at=11.1)
KILL = Fault("edge", FaultKind.KILL, at=10.5, over=10.5, launched=12.0, ready=13.0)


def judged(
    *,
    calls: list[WireCall] | None = None,
    record: RequestRecord = RECORD,
    sendings: list[Sending] | None = None,
    faults: list[Fault] | None = None,
) -> Verdict:
    seen = [CALL] if calls is None else calls
    return judge(
        Evidence(seen, [record], [SENDING] if sendings is None else sendings, faults or [])
    )


def test_an_answered_request_is_fine() -> None:
    verdict = judged()
    assert (verdict.accepted, verdict.answered, verdict.problems) == (1, 1, [])


def test_pings_are_no_part_of_an_answer() -> None:
    assert judged(sendings=[replace(SENDING, content=bytearray(PING + ANSWER))]).lost == 0


def test_a_request_that_never_ended_is_lost() -> None:
    assert judged(record=replace(RECORD, state="forwarding", outcome=None), sendings=[]).lost == 1


def test_an_end_without_a_reason_is_lost() -> None:
    failed = replace(RECORD, outcome="failed", answer=None, status=None)
    assert judged(record=failed, sendings=[]).lost == 1
    verdict = judged(record=replace(failed, reason="the provider went silent"), sendings=[])
    assert (verdict.lost, verdict.failed_with_reason) == (0, 1)


def test_an_answer_that_nobody_sent_or_that_cannot_be_read_is_lost() -> None:
    assert judged(record=replace(RECORD, answer=None)).lost == 1
    assert judged(record=replace(RECORD, answer=ANSWER + b" "), sendings=[]).lost == 1
    assert judged(calls=[replace(CALL, ended="cut")]).lost == 1


def test_a_client_with_other_bytes_or_an_unknown_answer_is_a_loss() -> None:
    assert judged(sendings=[replace(SENDING, content=bytearray(ANSWER + b"x"))]).lost == 1
    assert judged(sendings=[SENDING, replace(SENDING, request_id="forgotten")]).lost == 1
    broken = replace(RECORD, outcome="broken", reason="it broke off")
    assert judged(record=broken).lost == 1


def test_a_call_after_a_committed_end_is_called_twice() -> None:
    again = WireCall(2, "b", 11.5, "client_gone")
    rows = [ATTEMPT, AttemptRecord("r", 2, 11.4, None, "unknown")]
    verdict = judged(calls=[CALL, again], record=replace(RECORD, attempts=rows), sendings=[])
    assert verdict.completed_called_twice == 1


def test_a_call_after_a_client_has_it_all_is_called_twice() -> None:
    lost_end = replace(RECORD, outcome="failed", reason="crashed", answer=None)
    again = WireCall(2, "b", 11.5, "client_gone")
    assert judged(calls=[CALL, again], record=lost_end).completed_called_twice == 1


def test_a_call_after_one_that_broke_is_not() -> None:
    broken = WireCall(1, "b", 8.0, "client_gone", 9.0, 200, b"event: message_start")
    rows = [AttemptRecord("r", 1, 7.9, 10.0, "unknown"), replace(ATTEMPT, number=2)]
    verdict = judged(calls=[broken, replace(CALL, number=2)], record=replace(RECORD, attempts=rows))
    assert (verdict.completed_called_twice, verdict.unrecorded) == (0, 0)


def test_every_call_needs_a_row_of_its_own_from_before_it() -> None:
    assert judged(record=replace(RECORD, attempts=[])).unrecorded == 1
    assert judged(record=replace(RECORD, attempts=[replace(ATTEMPT, sent_at=10.4)])).unrecorded == 1
    assert judged(calls=[CALL, replace(CALL, number=2)]).unrecorded == 1


def test_a_row_without_a_call_is_unknown_and_was_open_at_a_fault() -> None:
    unsent = AttemptRecord("r", 1, 9.95, 10.6, "unknown")
    record = replace(RECORD, attempts=[unsent, replace(ATTEMPT, number=2)])
    verdict = judged(record=record, faults=[KILL])
    assert (verdict.unsent, verdict.misnamed, verdict.in_flight) == (1, 0, 2)
    record = replace(
        RECORD, attempts=[replace(unsent, outcome="failed"), replace(ATTEMPT, number=2)]
    )
    assert judged(record=record).misnamed == 1


def test_more_rows_than_calls_and_faults_explain_is_a_failure() -> None:
    unsent = AttemptRecord("r", 1, 9.95, 10.0, "unknown")
    record = replace(RECORD, attempts=[unsent, replace(ATTEMPT, number=2)])
    assert not report(1, 60, Evidence([CALL], [record], [SENDING], []), [], []).passed
    assert report(1, 60, Evidence([CALL], [RECORD], [SENDING], []), [], []).passed
    assert not report(
        1, 60, Evidence([CALL], [RECORD], [SENDING], []), ["credential in x"], []
    ).passed


def test_forwarding_goes_on_so_long_after_the_start_of_the_next_edge() -> None:
    again = WireCall(2, "b", 14.5)
    rows = [
        replace(ATTEMPT, closed_at=14.4, outcome="unknown"),
        AttemptRecord("r", 2, 14.4, None, None),
    ]
    evidence = Evidence([CALL, again], [replace(RECORD, attempts=rows)], [], [KILL])
    assert forwarding_after_kill(evidence) == [2.5]
    outage = Fault("postgres", FaultKind.KILL, at=11.0, over=11.0, launched=12.0, ready=12.5)
    assert forwarding_after_kill(replace(evidence, faults=[KILL, outage])) == []
