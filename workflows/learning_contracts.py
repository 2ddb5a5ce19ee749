"""What crosses Temporal when a segment of a history is learned from: references, no content."""

from dataclasses import dataclass

LEARN_SEGMENT = "LearnSegment"
ARCHIVE_SEGMENT = "archive_segment"
LEARN_FROM_SEGMENT = "learn_from_segment"
WORD_LEARNED = "word_learned"


@dataclass(frozen=True)
class LearnSegmentInput:
    """The first ``depth`` messages of a request; ``chain`` is their lineage, in hex. ``word``: a
    model words what is borne out."""

    request_id: str
    conversation_id: str
    chain: str
    depth: int
    word: bool = False


@dataclass(frozen=True)
class ArchiveSegmentResult:
    """``outcome``: `kept`, `known` (nothing is new), `side_call`, `opted_out`, `expired`; the
    number of parts that were not kept yet."""

    outcome: str
    parts: int = 0


@dataclass(frozen=True)
class LearnSegmentResult:
    """``outcome`` is the archive's; how many candidates were found, how many of them not known
    yet, and how many judgements were passed on what was offered. ``borne_out`` are ids of what
    another conversation had taught before."""

    outcome: str
    parts: int = 0
    found: int = 0
    new: int = 0
    judged: int = 0
    borne_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class WordLearnedInput:
    """The memories to word, and the request that the calls are put down to."""

    request_id: str
    memories: tuple[str, ...]


@dataclass(frozen=True)
class WordLearnedResult:
    """How many were asked for."""

    asked: int
