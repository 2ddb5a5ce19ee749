"""Values of conversations: where a request continues one, and what is on record of it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request continues a conversation, as far as the store knows it.

    ``conversation_id``: None for a new one.
    ``turn``: the number of its last turn.
    ``token_ratio``: the provider's tokens over ours; None while unmeasured.
    ``idle``: seconds since its last answer was settled.
    ``applied``: chain hash of the epoch that its history was sent by; None: as it came.
    ``observed``: of the epoch that was only recorded.
    """

    conversation_id: str | None = None
    turn: int = 0
    token_ratio: float | None = None
    idle: float | None = None
    applied: bytes | None = None
    observed: bytes | None = None


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A conversation on record.

    ``turns``: the number of its last turn.
    ``project``: the client's working directory; empty if it told none.
    ``token_ratio``: the provider's tokens over ours; None while unmeasured.
    """

    id: str
    tenant: str
    turns: int
    project: str
    token_ratio: float | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CutSummary:
    """What a model said of the part that an epoch cuts."""

    model: str
    text: str
