"""Values of learning: segments of histories, and closed sets that are stored as strings."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CandidateKind(StrEnum):
    """What a candidate teaches."""

    FIX = "fix"
    """What ended an error."""
    COMMAND = "command"
    """How the project is tested, linted or built."""
    CORRECTION = "correction"
    """A rule that a person gave."""
    CO_CHANGE = "together"
    """Two files that change together."""


class SegmentOutcome(StrEnum):
    """What became of a segment: it was kept, or why it was left out."""

    KEPT = "kept"
    KNOWN = "known"
    """All its messages were learned from before."""
    SIDE_CALL = "side_call"
    """No person and no sub-agent speaks in it: the client asked for a title or the like."""
    OPTED_OUT = "opted_out"
    EXPIRED = "expired"
    """Its request was deleted."""


class ImportOutcome(StrEnum):
    """What became of a transcript's file."""

    TAKEN = "taken"
    CARRIED = "carried"
    """Its session came through the proxy."""
    OPTED_OUT = "opted_out"
    NOTHING = "nothing"
    """It has no message of a main conversation."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished part of a history, to learn from: it ends with message ``depth`` (from 1) of the
    request's history, and ``chain`` is the lineage hash through that message."""

    chain: bytes
    conversation_id: str
    request_id: str
    depth: int


@dataclass(frozen=True, slots=True)
class SpeechTime:
    """The messages up to ``depth`` were said before ``at``."""

    depth: int
    at: datetime
