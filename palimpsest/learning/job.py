"""What a segment is worked on with, apart from any database: what to keep of it, what it teaches,
and what it says of what was offered. It is done in a process of its own (`python -m
palimpsest.learning`): to look for secrets holds the interpreter for a tenth of a second and
more.
"""

from dataclasses import replace
from datetime import datetime

import msgspec

from palimpsest.context.tool_exchanges import exchanges
from palimpsest.dialects.model import Message
from palimpsest.dialects.registry import DEFAULT, dialect_named
from palimpsest.learning.candidate import Candidate
from palimpsest.learning.extraction import extract_candidates
from palimpsest.learning.redaction import redact_message
from palimpsest.learning.verdicts import judge_offered
from palimpsest.memory.archive import ConversationMessage, Origin, archive_messages
from palimpsest.memory.model import Memory
from palimpsest.memory.secrets import redact

_OF_AGENTS = ("fix", "command")


class SegmentJob(msgspec.Struct, frozen=True):
    """Messages from position ``first`` on, as they came; what is new begins at ``since``.
    ``offered``: what was put before the model, and at which position;
    ``dialect`` names the format of the messages."""

    origin: Origin
    messages: tuple[bytes, ...]
    chains: tuple[bytes, ...]
    times: tuple[datetime, ...]
    first: int
    since: int
    archive: bool = False
    offered: tuple[tuple[int, Memory], ...] = ()
    dialect: str = DEFAULT.name


class SegmentLessons(msgspec.Struct, frozen=True):
    """The turns to keep, or what was found; and of each thing that was offered and that was put to
    the test, whether it helped."""

    memories: tuple[Memory, ...] = ()
    verdicts: tuple[tuple[str, bool], ...] = ()


def run_segment_job(job: SegmentJob) -> SegmentLessons:
    said = [
        ConversationMessage(redact_message(message, redact), chain, at)
        for message, chain, at in zip(job.messages, job.chains, job.times, strict=True)
    ]
    dialect = dialect_named(job.dialect)
    if job.archive:
        return SegmentLessons(
            tuple(archive_messages(job.origin, said, dialect, first=job.first, since=job.since))
        )
    messages = [dialect.message(one.raw) for one in said]
    found = _new_candidates(job, messages)
    calls = [call for exchange in exchanges(messages) for call in exchange.calls]
    offered = [(position - job.first, memory) for position, memory in job.offered]
    verdicts = judge_offered(offered, calls, found, job.origin.project)
    return SegmentLessons(tuple(_to_memory(one, job) for one in found), tuple(verdicts))


def _new_candidates(job: SegmentJob, messages: list[Message]) -> list[Candidate]:
    """What the new messages bear out; of a sub-agent no person said anything."""
    return [
        candidate
        for candidate in extract_candidates(messages, job.origin.project)
        if candidate.position + job.first >= job.since
        and (not job.origin.agent or candidate.kind in _OF_AGENTS)
    ]


def _to_memory(candidate: Candidate, job: SegmentJob) -> Memory:
    placed = replace(candidate, position=candidate.position + job.first)
    origin, said_at = job.origin, job.times[candidate.position]
    return placed.to_memory(origin.tenant, origin.project, origin.conversation, said_at)
