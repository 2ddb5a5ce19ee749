"""The figures of a run as one JSON line."""

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.chaos.latency import forwarding_after_kill
from harness.chaos.verdict import Evidence, judge


@dataclass(frozen=True, slots=True)
class Report:
    """``figures`` is the JSON line; ``problems`` says what is behind a figure that is not 0."""

    figures: dict[str, Any]
    problems: list[str]

    @property
    def passed(self) -> bool:
        """Nothing lost, nothing paid for twice, no credential left, every call on record."""
        zero = ("lost", "completed_called_twice", "credentials_found", "unrecorded", "misnamed")
        excess = self.figures["attempt_rows"] - self.figures["wire_calls"]
        return (
            not any(self.figures[name] for name in zero)
            and 0 <= excess <= self.figures["in_flight_at_blows"]
            and not self.figures["other_problems"]
        )

    def line(self) -> str:
        return msgspec.json.encode(self.figures).decode()


def report(
    seed: int, seconds: float, evidence: Evidence, leaks: list[str], problems: list[str]
) -> Report:
    """``leaks``: where credentials were found; ``problems``: what else went wrong."""
    verdict = judge(evidence)
    figures = {
        "seed": seed,
        "seconds": seconds,
        "accepted": verdict.accepted,
        "answered": verdict.answered,
        "failed_with_reason": verdict.failed_with_reason,
        "lost": verdict.lost,
        "wire_calls": verdict.wire_calls,
        "attempt_rows": verdict.attempt_rows,
        "in_flight_at_blows": verdict.in_flight,
        "unrecorded": verdict.unrecorded,
        "misnamed": verdict.misnamed,
        "completed_called_twice": verdict.completed_called_twice,
        "credentials_found": len(leaks),
        "other_problems": len(problems),
        "outcomes": _counted(record.outcome or record.state for record in evidence.ledger),
        "blows": _counted(f"{fault.component} {fault.kind}" for fault in evidence.faults),
        "sendings": _sendings(evidence),
        "forwarding_after_kill_s": _spread(forwarding_after_kill(evidence)),
    }
    return Report(figures, [*verdict.problems, *leaks, *problems])


def _sendings(evidence: Evidence) -> dict[str, int]:
    """What the clients did: requests, sendings, whole answers and leaves."""
    return {
        "asks": len({sending.hash for sending in evidence.sendings}),
        "sent": len(evidence.sendings),
        "whole": sum(sending.whole for sending in evidence.sendings),
        "left": sum(sending.left for sending in evidence.sendings),
    }


def _counted(words: Any) -> dict[str, int]:
    return dict(sorted(Counter[str](words).items()))


def _spread(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {"n": 0}
    middle, most = statistics.median(seconds), max(seconds)
    return {"n": len(seconds), "p50": round(middle, 2), "max": round(most, 2)}
