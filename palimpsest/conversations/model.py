"""Values of conversations: where a request continues one, and what is on record of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from blake3 import blake3

from palimpsest.runtime.hash_chain import Hash


@dataclass(frozen=True, slots=True)
class Lineage:
    """The history of a request, and who brings it.

    Two conversations may begin alike, so a chain is rooted in the *origin* of its conversation too:
    the line that it began on.

    ``history``: a hash through each message, the same for all who bring these messages.
    ``caller``: whose request it is.
    ``line``: hash of the caller, the session and the agent.
    ``named``: the client named a session.
    ``fresh``: the origin of a conversation that begins with this request: its line, or one of its
    own where no session is named.
    ``spoken``: how many messages there are up to the model's first, that one included; 0 while it
    has not spoken.
    """

    history: tuple[Hash, ...]
    caller: str
    line: bytes
    named: bool
    fresh: bytes
    spoken: int
    _chains: dict[bytes, tuple[Hash, ...]] = field(
        default_factory=dict[bytes, tuple[Hash, ...]], repr=False, compare=False
    )

    def chain(self, origin: bytes) -> tuple[Hash, ...]:
        """One hash per message: names it in the conversation of this origin; made once."""
        if origin not in self._chains:
            self._chains[origin] = rooted(origin, self.history)
        return self._chains[origin]


def rooted(origin: bytes, history: Sequence[Hash]) -> tuple[Hash, ...]:
    """The chain of a history by the origin of its conversation. Conversations that were begun
    before they had origins have an empty one."""
    if not origin:
        return tuple(history)
    return tuple(blake3(origin + name).digest() for name in history)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request continues a conversation, as far as the store knows it.

    ``conversation_id``: None for a new one.
    ``turn``: the number of its last turn.
    ``token_ratio``: the provider's tokens over ours; None while unmeasured.
    ``idle``: seconds since its last answer was settled.
    ``applied``: chain hash of the epoch that its history was sent by; None: as it came.
    ``observed``: of the epoch that was only recorded.
    ``origin``: of the conversation; None where it begins with the request.
    """

    conversation_id: str | None = None
    turn: int = 0
    token_ratio: float | None = None
    idle: float | None = None
    applied: bytes | None = None
    observed: bytes | None = None
    origin: bytes | None = None


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
