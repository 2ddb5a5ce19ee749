"""The verdict finds what it is there to find: each test is one way to lose or to pay twice."""

from dataclasses import replace

from harness.chaos.client import Try
from harness.chaos.latency import forwarding_after_kill
from harness.chaos.ledger import Kept, Row
from harness.chaos.part import Struck
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
ROW = Row("r", 1, 10.0, 11.0, "answered")
KEPT = Kept("r", "b", "ended", "answered", None, 200, 9.9, 11.0, ANSWER, [ROW])
TRY = Try("b", 9.8, "r", 200, bytearray(ANSWER), whole=True, ended_at=11.1)
KILL = Struck("edge", "kill", at=10.5, over=10.5, launched=12.0, ready=13.0)


def judged(
    *,
    calls: list[WireCall] | None = None,
    kept: Kept = KEPT,
    tries: list[Try] | None = None,
    struck: list[Struck] | None = None,
) -> Verdict:
    seen = [CALL] if calls is None else calls
    return judge(Evidence(seen, [kept], [TRY] if tries is None else tries, struck or []))


def test_an_answered_request_is_fine() -> None:
    verdict = judged()
    assert (verdict.accepted, verdict.answered, verdict.problems) == (1, 1, [])


def test_pings_are_no_part_of_an_answer() -> None:
    assert judged(tries=[replace(TRY, content=bytearray(PING + ANSWER))]).lost == 0


def test_a_request_that_never_ended_is_lost() -> None:
    assert judged(kept=replace(KEPT, state="forwarding", outcome=None), tries=[]).lost == 1


def test_an_end_without_a_reason_is_lost() -> None:
    failed = replace(KEPT, outcome="failed", answer=None, status=None)
    assert judged(kept=failed, tries=[]).lost == 1
    verdict = judged(kept=replace(failed, reason="the provider went silent"), tries=[])
    assert (verdict.lost, verdict.failed_with_reason) == (0, 1)


def test_an_answer_that_nobody_sent_or_that_cannot_be_read_is_lost() -> None:
    assert judged(kept=replace(KEPT, answer=None)).lost == 1
    assert judged(kept=replace(KEPT, answer=ANSWER + b" "), tries=[]).lost == 1
    assert judged(calls=[replace(CALL, ended="cut")]).lost == 1


def test_a_client_with_other_bytes_or_an_unknown_answer_is_a_loss() -> None:
    assert judged(tries=[replace(TRY, content=bytearray(ANSWER + b"x"))]).lost == 1
    assert judged(tries=[TRY, replace(TRY, request_id="forgotten")]).lost == 1
    broken = replace(KEPT, outcome="broken", reason="it broke off")
    assert judged(kept=broken).lost == 1


def test_a_call_after_a_committed_end_is_called_twice() -> None:
    again = WireCall(2, "b", 11.5, "client_gone")
    rows = [ROW, Row("r", 2, 11.4, None, "unknown")]
    verdict = judged(calls=[CALL, again], kept=replace(KEPT, attempts=rows), tries=[])
    assert verdict.completed_called_twice == 1


def test_a_call_after_a_client_has_it_all_is_called_twice() -> None:
    lost_end = replace(KEPT, outcome="failed", reason="crashed", answer=None)
    again = WireCall(2, "b", 11.5, "client_gone")
    assert judged(calls=[CALL, again], kept=lost_end).completed_called_twice == 1


def test_a_call_after_one_that_broke_is_not() -> None:
    broken = WireCall(1, "b", 8.0, "client_gone", 9.0, 200, b"event: message_start")
    rows = [Row("r", 1, 7.9, 10.0, "unknown"), replace(ROW, number=2)]
    verdict = judged(calls=[broken, replace(CALL, number=2)], kept=replace(KEPT, attempts=rows))
    assert (verdict.completed_called_twice, verdict.unrecorded) == (0, 0)


def test_every_call_needs_a_row_of_its_own_from_before_it() -> None:
    assert judged(kept=replace(KEPT, attempts=[])).unrecorded == 1
    assert judged(kept=replace(KEPT, attempts=[replace(ROW, sent_at=10.4)])).unrecorded == 1
    assert judged(calls=[CALL, replace(CALL, number=2)]).unrecorded == 1


def test_a_row_without_a_call_is_unknown_and_was_open_at_a_blow() -> None:
    unsent = Row("r", 1, 9.95, 10.6, "unknown")
    kept = replace(KEPT, attempts=[unsent, replace(ROW, number=2)])
    verdict = judged(kept=kept, struck=[KILL])
    assert (verdict.unsent, verdict.misnamed, verdict.in_flight) == (1, 0, 2)
    kept = replace(KEPT, attempts=[replace(unsent, outcome="failed"), replace(ROW, number=2)])
    assert judged(kept=kept).misnamed == 1


def test_more_rows_than_calls_and_blows_explain_is_a_failure() -> None:
    unsent = Row("r", 1, 9.95, 10.0, "unknown")
    kept = replace(KEPT, attempts=[unsent, replace(ROW, number=2)])
    assert not report(1, 60, Evidence([CALL], [kept], [TRY], []), [], []).passed
    assert report(1, 60, Evidence([CALL], [KEPT], [TRY], []), [], []).passed
    assert not report(1, 60, Evidence([CALL], [KEPT], [TRY], []), ["credential in x"], []).passed


def test_forwarding_goes_on_so_long_after_the_start_of_the_next_edge() -> None:
    again = WireCall(2, "b", 14.5)
    rows = [replace(ROW, closed_at=14.4, outcome="unknown"), Row("r", 2, 14.4, None, None)]
    evidence = Evidence([CALL, again], [replace(KEPT, attempts=rows)], [], [KILL])
    assert forwarding_after_kill(evidence) == [2.5]
    outage = Struck("postgres", "kill", at=11.0, over=11.0, launched=12.0, ready=12.5)
    assert forwarding_after_kill(replace(evidence, struck=[KILL, outage])) == []
