"""Records and decisions as JSON that everybody here may read: no content."""

from datetime import datetime
from typing import Any

from palimpsest.context.model import (
    Decision,
    Epoch,
    Injection,
    Reason,
    RecordedEpoch,
)
from palimpsest.exchanges.model import TurnRecord

_NAME_BYTES = 8


def plain(value: Any) -> Any:
    """Times as ISO 8601, in everything that is nested."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def epoch_name(chain: bytes | None) -> str | None:
    """What an epoch is called where it is shown."""
    return chain[:_NAME_BYTES].hex() if chain else None


def shown_context(turn: TurnRecord) -> dict[str, Any]:
    """What the model saw of a request."""
    return {
        "mode": turn.context_mode,
        "epoch": epoch_name(turn.applied_epoch),
        "observed": epoch_name(turn.observed_epoch),
        "tokens": {"original": turn.original_tokens, "sent": turn.context_tokens},
    }


def shown_epoch(recorded: RecordedEpoch) -> dict[str, Any]:
    """An epoch with its decisions."""
    epoch = recorded.epoch
    return {
        "id": epoch_name(epoch.chain),
        "number": epoch.number,
        "mode": recorded.mode,
        "cause": epoch.cause.value,
        "begun_by": recorded.request_id,
        "begun_at": recorded.created_at,
        "depth": epoch.depth,
        "escape": epoch.escape,
        "tokens": {"before": epoch.tokens_before, "after": epoch.tokens_after},
        "decisions": [_shown_decision(decision) for decision in epoch.decisions],
        "recalled": [_shown_recall(recall) for recall in epoch.injections],
    }


def reasons(epoch: Epoch) -> dict[int, list[str]]:
    """Why messages are not sent as they came, by position; each reason once."""
    found = {decision.position: _reasons(decision) for decision in epoch.decisions}
    for recall in epoch.injections:
        found.setdefault(recall.position, []).append(Reason.INJECTION.value)
    return found


def _reasons(decision: Decision) -> list[str]:
    found = [decision.drop, decision.thinking, *(edit.reason for edit in decision.edits)]
    if decision.append:
        found.append(Reason.MANIFEST)
    return list(dict.fromkeys(reason.value for reason in found if reason))


def _shown_recall(recall: Injection) -> dict[str, Any]:
    return {
        "position": recall.position,
        "tokens": recall.tokens,
        "memories": list(recall.memories),
    }


def _shown_decision(decision: Decision) -> dict[str, Any]:
    return {
        "position": decision.position,
        "change": "dropped" if decision.drop else "edited",
        "reasons": _reasons(decision),
        "tokens": {"before": decision.tokens_before, "after": decision.tokens_after},
    }
