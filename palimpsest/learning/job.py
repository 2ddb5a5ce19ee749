"""Finds the memories of a segment, its lessons, and whether injected memories helped; without a
database.

It runs in a process of its own (`python -m palimpsest.learning`), since the search for secrets
holds the interpreter for a tenth of a second and more.
"""

from dataclasses import replace
from datetime import datetime

import msgspec

from palimpsest.context.tool_exchanges import find_tool_exchanges
from palimpsest.dialects.model import Message
from palimpsest.dialects.registry import DEFAULT, dialect_named
from palimpsest.learning.candidate import Candidate
from palimpsest.learning.extraction import extract_candidates
from palimpsest.learning.model import CandidateKind
from palimpsest.learning.redaction import redact_message
from palimpsest.learning.verdicts import judge_offered
from palimpsest.memory.archive import ConversationMessage, Origin, archive_messages
from palimpsest.memory.model import Memory
from palimpsest.memory.secrets import redact

_FROM_AGENTS = (CandidateKind.FIX, CandidateKind.COMMAND)


class SegmentJob(msgspec.Struct, frozen=True):
    """The messages of one segment, and what to do with them.

    ``messages``: as the client sent them, from position ``first`` of the history on.
    ``chains``: the history hash through each message.
    ``times``: when each message was said.
    ``since``: the position of the first message that was not learned from yet.
    ``archive``: make memories of the turns; else learn.
    ``offered``: memories that were injected, with the position of the message they stand in.
    ``dialect``: the name of the messages' format.
    """

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
    """The result of a segment job.

    ``memories``: of turns for an archive job, else of lessons.
    ``verdicts``: the ids of injected memories that were put to the test, and whether each helped.
    """

    memories: tuple[Memory, ...] = ()
    verdicts: tuple[tuple[str, bool], ...] = ()


def run_segment_job(job: SegmentJob) -> SegmentLessons:
    """Archives the segment or learns from it, after taking secrets out. Deterministic."""
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
    calls = [call for exchange in find_tool_exchanges(messages) for call in exchange.calls]
    offered = [(position - job.first, memory) for position, memory in job.offered]
    verdicts = judge_offered(offered, calls, found, job.origin.project)
    return SegmentLessons(tuple(_to_memory(one, job) for one in found), tuple(verdicts))


def _new_candidates(job: SegmentJob, messages: list[Message]) -> list[Candidate]:
    """The candidates that the new messages confirm. In a sub-agent's segment no person speaks."""
    return [
        candidate
        for candidate in extract_candidates(messages, job.origin.project)
        if candidate.position + job.first >= job.since
        and (not job.origin.agent or candidate.kind in _FROM_AGENTS)
    ]


def _to_memory(candidate: Candidate, job: SegmentJob) -> Memory:
    placed = replace(candidate, position=candidate.position + job.first)
    return placed.to_memory(job.origin, job.times[candidate.position])
