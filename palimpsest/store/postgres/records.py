"""What is written of a request at each step of its life; no secret is in clear in any of it."""

from dataclasses import dataclass

from palimpsest.dialects.anthropic.view import RequestView
from palimpsest.exchanges.identity import Identity


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request as the edge commits it.

    ``edge`` names the process whose client waits; ``sealed`` is for the vault. ``claims``: it is
    to be the only one of its identity; ``seize_from`` is the request that the claim is taken
    from, if that one still holds it.
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
class Lease:
    """The right to call for a request: attempt ``number``, fenced by ``epoch``."""

    number: int
    epoch: int


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How one call on the wire ended; ``usage`` is what it cost, as JSON."""

    lease: Lease
    outcome: str
    status: int | None = None
    bytes: int | None = None
    reason: str | None = None
    usage: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of a request: its last attempt, its answer and what it cost. Times in ms.
    ``session``: hash of the client's session, if the request is of its main line; ``project``: the
    client's working directory, if it told one."""

    request_id: str
    tenant: str
    attempt: AttemptEnd
    outcome: str
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


@dataclass(frozen=True, slots=True)
class Held:
    """Another request with the same claim, as the database knows it; ``calling``: one of its
    attempts is open."""

    state: str
    outcome: str | None
    client_gone: bool
    delivered: bool
    identity: bytes | None
    edge: str | None
    edge_lives: bool
    epoch: int
    calling: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What another process than the one it came to needs to carry a request on: its headers,
    sealed; ``age`` in seconds since it was accepted; ``interrupted``: a call was never closed."""

    sealed: bytes
    age: float
    interrupted: bool
