"""What crosses Temporal when a segment of a history is learned from: references, no content."""

from dataclasses import dataclass

LEARN_SEGMENT = "LearnSegment"
ARCHIVE_SEGMENT = "archive_segment"
LEARN_FROM_SEGMENT = "learn_from_segment"


@dataclass(frozen=True)
class LearnSegmentInput:
    """The first ``depth`` messages of a request; ``chain`` is their lineage, in hex."""

    request_id: str
    conversation_id: str
    chain: str
    depth: int


@dataclass(frozen=True)
class ArchiveSegmentResult:
    """``outcome``: `kept`, `known` (nothing is new), `side_call`, `opted_out`, `expired`; the
    number of parts that were not kept yet."""

    outcome: str
    parts: int = 0


@dataclass(frozen=True)
class LearnSegmentResult:
    """``outcome`` is the archive's; how many candidates were found, how many of them not known
    yet, and how many judgements were passed on what was offered."""

    outcome: str
    parts: int = 0
    found: int = 0
    new: int = 0
    judged: int = 0
