"""Values of a request's life: its states, what is written when it is accepted, its claim."""

from dataclasses import dataclass
from enum import StrEnum

from palimpsest.dialects.model import RequestView
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
    """

    sealed: bytes
    age: float
    interrupted: bool
