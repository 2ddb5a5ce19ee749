"""What crosses Temporal: frozen dataclasses, one in and one out, with references and never bodies.

A *request* is one proxied call, named by its id, which is also the workflow's id. A *conversation*
is a chain of requests with a common history; a *segment* is a part of it that is learned from.
Durations are in milliseconds unless named seconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum

WORKFLOW = "ProxyRequest"
QUERY_INTELLIGENCE = "query_intelligence"
REWRITE_CONTEXT = "rewrite_context"
SUMMARISE_CUT = "summarise_cut"
FORWARD_UPSTREAM = "forward_upstream"
CLOSE_REQUEST = "close_request"

LEARN_SEGMENT = "LearnSegment"
ARCHIVE_SEGMENT = "archive_segment"
LEARN_FROM_SEGMENT = "learn_from_segment"
WORD_LEARNED = "word_learned"

CONVERSATION_ATTRIBUTE = "PalimpsestConversation"
MODEL_ATTRIBUTE = "PalimpsestModel"
PHASE_ATTRIBUTE = "PalimpsestPhase"
STATUS_ATTRIBUTE = "PalimpsestStatus"


class Phase(StrEnum):
    """Where a workflow is, as its search attribute says it."""

    CONTEXT = "context"
    """Looks up the conversation and plans what is sent."""
    FORWARD = "forward"
    """Asks the provider."""
    ENDED = "ended"


class Outcome(StrEnum):
    """How a request ended, or one call to the provider for it."""

    ANSWERED = "answered"
    """The provider's whole answer, with a status under 400."""
    UPSTREAM_ERROR = "upstream_error"
    """The provider's whole answer, an error."""
    BROKEN = "broken"
    """The answer broke off after a part of it had gone to the client."""
    ABANDONED = "abandoned"
    """The client left, and did not come back in time."""
    CANCELLED = "cancelled"
    """An operator cancelled or ended the workflow."""
    FAILED = "failed"
    """No answer: the proxy's own error, or a provider that could not be reached in time."""
    UNREACHABLE = "unreachable"
    """Of a call only: no status came back, and it is tried again."""
    UNKNOWN = "unknown"
    """Of a call only: its process died before it recorded the end."""


@dataclass(frozen=True)
class Deadlines:
    """How long each phase may take, in seconds."""

    query: float = 2.0
    rewrite: float = 20.0
    plan: float = 2.0
    summarise: float = 60.0
    forward: float = 3600.0
    heartbeat: float = 4.0
    close: float = 30.0


@dataclass(frozen=True)
class ProxyRequestInput:
    """The request to carry out; ``attributes`` says whether search attributes may be written,
    ``egress_queue`` where the forward goes if not to the workflow's own queue."""

    request_id: str
    model: str
    attributes: bool = True
    deadlines: Deadlines = field(default_factory=Deadlines)
    egress_queue: str | None = None


@dataclass(frozen=True)
class QueryIntelligenceInput:
    request_id: str


@dataclass(frozen=True)
class QueryIntelligenceResult:
    """The request's conversation and the memories that bear on it.

    ``chain`` is the hex hash of the lineage through the newest message; ``token_ratio`` is real
    tokens over counted tokens, None while unmeasured; ``degraded`` says why nothing was found out.
    ``idle`` is seconds since the conversation's last answer; ``epoch`` names what its history is
    rewritten by and ``observed`` what it would be, by chain hashes in hex. ``project`` is the
    client's working directory; ``memories`` are the ids of the memories to inject, best first,
    and ``recall`` says what became of the search for them: `found`, `none`, `degraded;<reason>`,
    or None where injection is off. ``history`` is the hex hash of the same messages whoever brings
    them, and ``origin`` that of the line on which the conversation began; together they make
    ``chain``.
    """

    conversation_id: str | None
    turn: int
    chain: str | None
    token_ratio: float | None
    took_ms: float
    degraded: str | None = None
    idle: float | None = None
    epoch: str | None = None
    observed: str | None = None
    project: str = ""
    memories: tuple[str, ...] = ()
    recall: str | None = None
    history: str | None = None
    origin: str = ""


@dataclass(frozen=True)
class RewriteContextInput:
    """``plan_deadline``: seconds that new decisions may take; past it only recorded ones are
    carried out. ``known`` is None when the first phase told nothing. ``may_summarise``: a new
    epoch may wait for a summary of its cut."""

    request_id: str
    token_ratio: float | None
    plan_deadline: float
    known: QueryIntelligenceResult | None = None
    may_summarise: bool = False


class SummaryOutcome(StrEnum):
    """What became of the summary of a cut."""

    KEPT = "kept"
    """A model made one, and it is stored."""
    KNOWN = "known"
    """It was stored before."""
    NOT_DUE = "not_due"
    """No epoch is due, the client has left, or enough calls were made."""
    FAILED = "failed"
    """The call failed; counted in the metrics, never returned."""


@dataclass(frozen=True)
class SummariseCutResult:
    """``took_ms``: milliseconds of this try."""

    outcome: SummaryOutcome
    took_ms: float


@dataclass(frozen=True)
class RewriteContextResult:
    """What the model will see. ``counted_tokens`` is before, ``input_tokens`` after the ratio;
    both are of what is sent, ``original_tokens`` is the client's own prompt after the ratio.

    ``epoch`` names the recorded decisions that what is sent is rendered by, None: as it came;
    ``observed`` those that were only recorded. ``summary`` is what the client is told of it.
    ``summarise``: nothing was decided yet, a new epoch waits for a summary of its cut.
    ``intelligence`` is what the client is told of what was recalled.
    """

    counted_tokens: int | None
    input_tokens: int | None
    budget_tokens: int
    fits: bool
    took_ms: float
    degraded: str | None = None
    mode: str | None = None
    epoch: str | None = None
    observed: str | None = None
    original_tokens: int | None = None
    summary: str | None = None
    summarise: bool = False
    intelligence: str | None = None


@dataclass(frozen=True)
class ForwardUpstreamInput:
    """Everything the settlement needs besides the answer itself."""

    request_id: str
    known: QueryIntelligenceResult
    plan: RewriteContextResult


@dataclass(frozen=True)
class ForwardUpstreamResult:
    """How the request ended: ``outcome`` is one of `answered`, `upstream_error`, `abandoned`."""

    outcome: Outcome
    status: int
    attempts: int
    input_tokens: int = 0
    output_tokens: int = 0
    stop_reason: str | None = None


@dataclass(frozen=True)
class CloseRequestInput:
    """A request that ends without an answer, and why."""

    request_id: str
    status: int
    kind: str
    reason: str


@dataclass(frozen=True)
class ProxyRequestResult:
    outcome: Outcome
    status: int
    attempts: int
    conversation_id: str | None
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True)
class LearnSegmentInput:
    """The first ``depth`` messages of a request; ``chain`` is their lineage, in hex. ``word``: a
    model words the fixes that a second conversation confirmed."""

    request_id: str
    conversation_id: str
    chain: str
    depth: int
    word: bool = False


@dataclass(frozen=True)
class ArchiveSegmentResult:
    """``outcome``: `kept`, `known` (nothing is new), `side_call`, `opted_out`, `expired`;
    ``parts``: the number of new memories of turns."""

    outcome: str
    parts: int = 0


@dataclass(frozen=True)
class LearnSegmentResult:
    """``outcome`` and ``parts`` are the archive's; ``found``: the number of candidates, ``new``:
    of those that were no memories yet, ``judged``: of verdicts on injected memories. ``borne_out``:
    the ids of older memories that this segment confirmed."""

    outcome: str
    parts: int = 0
    found: int = 0
    new: int = 0
    judged: int = 0
    borne_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class WordLearnedInput:
    """The ids of the memories to word, and the request that the calls are recorded under."""

    request_id: str
    memories: tuple[str, ...]


@dataclass(frozen=True)
class WordLearnedResult:
    """``asked``: the number of calls that were made."""

    asked: int
