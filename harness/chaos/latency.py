"""The time from a kill -9 until the requests in flight are forwarded again."""

from harness.chaos.component import Fault
from harness.chaos.fault_schedule import FaultKind
from harness.chaos.verdict import Evidence
from palimpsest.exchanges.model import Outcome


def forwarding_after_kill(evidence: Evidence) -> list[float]:
    """Seconds until the first call for a request that was in flight at a kill: from the start of
    the next edge where the only one was killed, from the kill of a worker where others go on;
    only where every other component that forwarding needs was up all the while."""
    several = any("-" in fault.component for fault in evidence.faults)
    killed_role = "worker" if several else "edge"
    found: list[float] = []
    for kill in evidence.faults:
        if kill.kind is not FaultKind.KILL or not kill.component.startswith(killed_role):
            continue
        since = kill.at if several else kill.launched
        interrupted = {
            record.hash
            for record in evidence.ledger
            if any(
                row.sent_at < kill.at and row.outcome == Outcome.UNKNOWN and row.closed_at > since
                for row in record.attempts
                if row.closed_at is not None
            )
        }
        calls = [call.at for call in evidence.calls if call.hash in interrupted and call.at > since]
        if calls and not _disturbed(evidence, kill, since, calls[0]):
            found.append(calls[0] - since)
    return sorted(found)


def _disturbed(evidence: Evidence, kill: Fault, since: float, until: float) -> bool:
    return any(
        other is not kill and other.at < until and (other.ready or until) > since
        for other in evidence.faults
        if not other.component.startswith("edge")
    )
