"""Closed sets of values of learning; stored and sent as these strings."""

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
