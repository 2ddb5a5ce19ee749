"""Values of calls to the provider: the right to call, how a call ended, how its request ended."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from palimpsest.gateway.model import Ownership
from workflows.contracts import Outcome as Outcome


class AttemptKind(StrEnum):
    """What a call to the provider is for."""

    ANSWER = "answer"
    """The client's own request."""
    SUMMARY = "summary"
    """A summary of what an epoch cuts."""
    WORDING = "wording"
    """Better words for a learned memory."""


class Lease(msgspec.Struct, frozen=True):
    """The right to call for a request.

    ``number``: of the attempt, from 1.
    ``fence``: grows with each lease; writes with an older one are refused. Spilled settlements of
    earlier versions call it ``epoch``.
    """

    number: int
    fence: int = msgspec.field(name="epoch")


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How one call to the provider ended.

    ``status``: HTTP status, None when none came.
    ``bytes``: of the answer, as far as it came.
    ``usage``: tokens, as JSON.
    """

    lease: Lease
    outcome: Outcome
    status: int | None = None
    bytes: int | None = None
    reason: str | None = None
    usage: str | None = None


USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "input_total",
)
TIMES = (
    "accept_ms",
    "query_ms",
    "rewrite_ms",
    "overhead_ms",
    "upstream_first_byte_ms",
    "first_byte_ms",
    "total_ms",
)
_WITHOUT = "recorded without headers, usage and times"
_LONGEST_WHY = 200


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of a request: its last attempt, its answer and what it cost.

    ``response_headers``: pairs as JSON, secrets taken out.
    ``response``: the answer as the provider sent it, whole or as far as it came.
    ``usage``: tokens by kind; ``usage_estimated``: some of them are our estimate.
    ``times``: milliseconds by phase.
    ``counted_tokens``: of the prompt, by our own count.
    ``chain``: lineage hash through the newest message, of ``depth`` messages.
    ``journalled``: the journal may hold bytes of it.
    ``session``: hash of the client's session, if the request is of its main line.
    ``project``: the client's working directory, if it told one.
    ``caller``: whose it is, as the answer told.
    ``history``: the chain's last hash without its ``origin``; ``answered``: through the answer,
    where the model spoke for the first time; ``named``: the client named a session.
    ``owner``: what the answer told of the request's token.
    """

    request_id: str
    tenant: str
    attempt: AttemptEnd
    outcome: Outcome
    reason: str | None
    response_headers: str
    response: bytes
    stop_reason: str | None
    usage: dict[str, int | None]
    usage_estimated: bool
    times: dict[str, float | None]
    counted_tokens: int | None
    conversation_id: str | None
    turn: int | None
    chain: bytes | None
    depth: int
    journalled: bool = False
    session: bytes | None = None
    project: str = ""
    caller: str = ""
    history: bytes | None = None
    origin: bytes = b""
    answered: bytes | None = None
    named: bool = False
    owner: Ownership | None = None

    @property
    def is_bare(self) -> bool:
        """It is without its report already."""
        return (self.reason or "").startswith(_WITHOUT)

    def without_report(self, why: str) -> "Settlement":
        """Without what the provider reported and how long it took: for a record that takes none of
        it; the reason says so."""
        return replace(
            self,
            attempt=replace(self.attempt, bytes=None, reason=None, usage=None),
            reason=f"{_WITHOUT}: {why.encode('ascii', 'backslashreplace').decode()[:_LONGEST_WHY]}",
            response_headers="[]",
            stop_reason=None,
            usage=dict.fromkeys(USAGE),
            usage_estimated=False,
            times=dict.fromkeys(TIMES),
            counted_tokens=None,
        )

    def without_conversation(self) -> "Settlement":
        """Without its place in a conversation: the next turn begins another one."""
        names = ("conversation_id", "turn", "chain", "session", "history", "answered", "owner")
        return replace(self, **dict.fromkeys(names), project="")


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """A call to the provider, as it is on record.

    ``number``: from 1, of each kind.
    ``owner``: the process that called.
    ``closed_at``, ``outcome``: None while it is open.
    ``bytes``: of the answer, as far as it came.
    ``usage``: tokens by kind, and whether they are ``estimated``.
    """

    kind: AttemptKind
    number: int
    owner: str
    sent_at: datetime
    closed_at: datetime | None
    status: int | None
    outcome: Outcome | None
    bytes: int | None
    reason: str | None
    usage: dict[str, Any] | None
