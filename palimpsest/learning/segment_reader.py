"""Reads the messages of a segment back from the captured requests.

Some older messages are read too, since what ends an error stands after the error.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from palimpsest.context.speech import is_human_request
from palimpsest.conversations.lineage import AGENT_HEADER, chain, project_of, root
from palimpsest.conversations.model import rooted
from palimpsest.dialects.model import Dialect
from palimpsest.dialects.registry import DEFAULT
from palimpsest.exchanges.model import Outcome, RequestRecord
from palimpsest.exchanges.recorded_answer import recorded_headers, recorded_pairs
from palimpsest.exchanges.registry import read_body
from palimpsest.learning.job import SegmentJob
from palimpsest.learning.model import SegmentOutcome
from palimpsest.memory.archive import Origin
from palimpsest.memory.permission import Permission
from palimpsest.providers.encodings import Decoder
from palimpsest.providers.headers import value_of
from palimpsest.runtime.errors import NotFound
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.postgres.segments import SegmentStore

_MESSAGES_BEFORE = 100


@dataclass(frozen=True, slots=True)
class SegmentReading:
    """A segment that is to be learned from.

    ``job``: holds the messages.
    ``chain``: names the whole history in its conversation; ``history``: the same without origin.
    ``epoch``: the chain hash of the epoch that the history was sent by; None: unchanged.
    """

    job: SegmentJob
    chain: tuple[bytes, ...]
    history: tuple[bytes, ...]
    epoch: bytes | None


class SegmentReader:
    """Reads segments of one tenant."""

    def __init__(
        self, requests: RequestStore, segments: SegmentStore, permission: Permission, tenant: str
    ) -> None:
        self._requests = requests
        self._segments = segments
        self._permission = permission
        self._tenant = tenant

    async def read(
        self, request_id: str, conversation: str, depth: int
    ) -> SegmentReading | SegmentOutcome:
        """Reads the first ``depth`` messages of a request; the outcome, where there is nothing to
        learn from them."""
        try:
            record = await self._requests.read_request(request_id)
            body = await read_body(self._requests, request_id)
        except NotFound:
            return SegmentOutcome.EXPIRED
        view = await asyncio.to_thread(DEFAULT.parse, body)
        agent = value_of(recorded_pairs(record.headers), AGENT_HEADER) is not None
        if not agent and not is_human_request(view, agent=False):
            return SegmentOutcome.SIDE_CALL
        project = await asyncio.to_thread(project_of, view)
        if not await self._permission.allows(project, conversation):
            return SegmentOutcome.OPTED_OUT
        origin = Origin(self._tenant, project, conversation, agent, record.caller)
        messages = view.messages[:depth]
        if depth >= len(view.messages):
            messages += await self._read_answer(record, view.dialect)
        start = root(self._tenant, project)
        history = await asyncio.to_thread(chain, start, messages, view.dialect)
        hashes = await asyncio.to_thread(rooted, record.origin, history)
        since = await self._segments.count_learned(hashes)
        if since >= depth:
            return SegmentOutcome.KNOWN
        first = max(0, since - _MESSAGES_BEFORE)
        times = await self._message_times(hashes)
        job = SegmentJob(
            origin,
            messages[first:],
            history[first:],
            times[first:],
            first,
            since,
            dialect=view.dialect.name,
        )
        return SegmentReading(job, hashes, history, record.applied_epoch)

    async def _read_answer(self, record: RequestRecord, dialect: Dialect) -> tuple[bytes, ...]:
        """The message that the model answered the request with; no later request repeats it."""
        if record.outcome != Outcome.ANSWERED:
            return ()
        try:
            recorded = await self._requests.read_answer(record.id)
        except NotFound:
            return ()
        headers = recorded_headers(record)
        encoding = value_of(headers, b"content-encoding")
        kind = value_of(headers, b"content-type") or ""

        def message() -> bytes | None:
            return dialect.answer_message(Decoder(encoding).feed(recorded.content), kind)

        said = await asyncio.to_thread(message)
        return (said,) if said else ()

    async def _message_times(self, hashes: Sequence[bytes]) -> tuple[datetime, ...]:
        """When each message was said: the time of the first head that holds it; now, if there is
        none yet."""
        spoken = await self._segments.read_speech_times(hashes)
        now = datetime.now(UTC)
        found: list[datetime] = []
        for depth in range(1, len(hashes) + 1):
            at = bisect_left(spoken, depth, key=lambda one: one.depth)
            found.append(spoken[at].at if at < len(spoken) else now)
        return tuple(found)
