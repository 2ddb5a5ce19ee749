"""How long after a kill -9 of the edge its successor forwards what was in flight."""

from chaos.part import Struck
from chaos.verdict import Evidence


def forwarding_after_kill(evidence: Evidence) -> list[float]:
    """Seconds from each start of a successor to its first call for a request that was open when
    its predecessor was killed; only where every other part was up all the while."""
    found: list[float] = []
    for kill in evidence.struck:
        if kill.part != "edge" or kill.kind != "kill":
            continue
        interrupted = {
            kept.hash
            for kept in evidence.ledger
            if any(
                row.sent_at < kill.at and (row.closed_at or kill.launched) >= kill.launched
                for row in kept.attempts
            )
        }
        calls = [
            call.at
            for call in evidence.calls
            if call.hash in interrupted and call.at >= kill.launched
        ]
        if calls and not _disturbed(evidence, kill, calls[0]):
            found.append(calls[0] - kill.launched)
    return sorted(found)


def _disturbed(evidence: Evidence, kill: Struck, until: float) -> bool:
    return any(
        other is not kill and other.at < until and (other.ready or until) > kill.launched
        for other in evidence.struck
    )
