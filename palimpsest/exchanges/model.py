"""Values of a request's life: its states, what is written when it is accepted, its claim."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from palimpsest.dialects.model import Frame, RequestView
from workflows.contracts import Outcome as Outcome


class RequestState(StrEnum):
    """How far a request has come in the database."""

    ACCEPTED = "accepted"
    """Committed, and not sent yet."""
    FORWARDING = "forwarding"
    """At least one call to the provider was begun."""
    ENDED = "ended"
    """Has an outcome, and changes no more."""


class EndCause(StrEnum):
    """Why a request or a call ended without an answer, as the record and the client are told."""

    CLIENT_LEFT = "the client left"
    OPERATOR_CANCELLED = "an operator cancelled the request"
    OPERATOR_ENDED_WORKFLOW = "an operator ended the workflow"
    WORKFLOW_ENDED = "its workflow ended without an answer"
    PROCESS_STOPPED = "the process that called was stopped"
    PROCESS_DIED = "the process that called was gone before it told how the call ended"


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes two requests the same one; hashes of 32 bytes.

    ``identity``: of the target, the body and the credential.
    ``fingerprint``: what a claim is made on: the client's own idempotency key, else the identity
    with session and agent.
    ``keyed``: the client sent an idempotency key.
    ``session``: the client named its session.
    ``marked``: the request says itself that it is a re-send.
    ``named``: the request id that it says it repeats.
    """

    identity: bytes
    fingerprint: bytes
    keyed: bool
    session: bool
    marked: bool
    named: str | None


@dataclass(frozen=True, slots=True)
class AcceptedRequest:
    """A request as the edge commits it; no secret is in clear in it.

    ``headers``: pairs as JSON, secrets taken out.
    ``edge``: the process whose client waits.
    ``sealed``: target and headers, encrypted for the vault.
    ``claims``: it is to be the only one of its identity.
    ``seize_from``: the request that the claim is taken from, if that one still holds it.
    ``caller``: whose it is.
    """

    id: str
    tenant: str
    target: str
    headers: str
    view: RequestView
    edge: str
    sealed: bytes
    identity: Identity
    claims: bool = True
    seize_from: str | None = None
    caller: str = ""


@dataclass(frozen=True, slots=True)
class ClaimHolder:
    """The request that holds a claim, as the database has it.

    ``outcome``: None until it has ended.
    ``identity``: hash of body and credential.
    ``edge``: the process whose client waits; ``edge_lives``: it beat in the last three seconds.
    ``fence``: the number of its newest lease.
    ``calling``: one of its calls is open.
    """

    state: RequestState
    outcome: Outcome | None
    client_gone: bool
    delivered: bool
    identity: bytes | None
    edge: str | None
    edge_lives: bool
    fence: int
    calling: bool


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """What another process than the one it came to needs to carry a request on.

    ``sealed``: target and headers, encrypted.
    ``age``: seconds since the request was accepted.
    ``interrupted``: a call of it was never closed.
    ``caller``: whose it is.
    """

    sealed: bytes
    age: float
    interrupted: bool
    caller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRecord:
    """A request on record, as a turn of its conversation shows it.

    ``message_count``: of the prompt as it came.
    ``context_mode``: off, observe or on.
    ``applied_epoch``: chain hash of the epoch that it was sent by; None: sent as it came.
    ``observed_epoch``: of one that was recorded and not applied.
    ``original_tokens``: of the prompt as it came, estimated; ``context_tokens``: as it was sent.
    The other tokens are the provider's count, or our estimate of an answer that broke off.
    """

    id: str
    turn: int | None
    state: RequestState
    outcome: Outcome | None
    model: str
    accepted_at: datetime
    message_count: int
    context_mode: str | None
    applied_epoch: bytes | None
    observed_epoch: bytes | None
    original_tokens: int | None
    context_tokens: int | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord(TurnRecord):
    """All that is on record of a request, but for its body and its answer's bytes.

    ``caller``: whose it is; empty: recorded before callers were told apart.
    ``origin``: the line that its conversation began on.
    ``reason``: why it did not end answered.
    ``identity``: hash of body and credential.
    ``edge``: the process whose client waits; ``owner``: the one that may forward it.
    ``fence``: the number of its newest lease.
    ``delivered_at``: when its client had the whole answer; one that lies ahead ends a doubt.
    ``target``: path and query; ``headers`` and ``response_headers``: pairs. Secrets are taken out.
    ``response``: hash of the answer; None while there is none.
    ``counted_tokens``: of the prompt, by our own count.
    Times that end in ``_ms`` are milliseconds.
    """

    tenant: str
    caller: str
    conversation_id: str | None
    origin: bytes
    reason: str | None
    stream: bool
    ended_at: datetime | None
    identity: bytes | None
    edge: str | None
    owner: str | None
    fence: int
    client_gone: bool
    delivered_at: datetime | None
    target: str
    headers: tuple[tuple[str, str], ...]
    body_bytes: int
    status: int | None
    response_headers: tuple[tuple[str, str], ...] | None
    response: bytes | None
    response_bytes: int | None
    stop_reason: str | None
    counted_tokens: int | None
    usage_estimated: bool
    accept_ms: float | None
    query_ms: float | None
    rewrite_ms: float | None
    overhead_ms: float | None
    upstream_first_byte_ms: float | None
    first_byte_ms: float | None
    total_ms: float | None


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """The answer of a request on record; ``content`` as the provider sent it."""

    request: RequestRecord
    content: bytes


@dataclass(frozen=True, slots=True)
class StoredBody:
    """A captured body: its frame and each message as it came."""

    frame: Frame
    messages: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of one phase, in milliseconds; None where no request has the phase."""

    p50: float | None
    p95: float | None
    p99: float | None
