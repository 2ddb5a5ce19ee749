"""The end of a request as one value, and its commit, whatever the database does meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from palimpsest.conversations.lineage import SESSION_HEADER, extended, session_of, spoken
from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.dialects.model import RequestView
from palimpsest.exchanges.answer import AnswerHead
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.model import Outcome, RequestRecord
from palimpsest.forwarding.model import AttemptEnd, Settlement
from palimpsest.gateway.model import TENANT, Ownership
from palimpsest.providers.encodings import Decoder
from palimpsest.providers.headers import RawHeaders, value_of
from palimpsest.providers.records import recordable_answer
from palimpsest.runtime.errors import DatabaseUnavailable, Fenced
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.spill import Spill
from workflows.contracts import (
    ForwardUpstreamInput,
    ForwardUpstreamResult,
    QueryIntelligenceResult,
    RewriteContextResult,
)

_WITH_RESULT = frozenset((Outcome.ANSWERED, Outcome.UPSTREAM_ERROR, Outcome.ABANDONED))

_CUT = frozenset((Outcome.BROKEN, Outcome.ABANDONED, Outcome.CANCELLED))
_CHARS_PER_TOKEN = 3.5


class Times:
    """Points on the `time.perf_counter` clock; None until reached."""

    def __init__(self) -> None:
        self.dialled: float | None = None
        self.first_chunk: float | None = None
        self.first_release: float | None = None
        self.ended: float | None = None


def settlement(
    exchange: Exchange,
    forward: ForwardUpstreamInput,
    attempt: AttemptEnd,
    outcome: Outcome,
    *,
    reader: AnswerReader,
    head: AnswerHead | None,
    content: bytes,
    times: Times,
    journalled: bool,
    caller: str,
    owner: Ownership | None,
) -> Settlement:
    """``content`` is the provider's answer as it came, whole or as far as it got."""
    known = forward.known
    usage, estimated = _usage(reader, outcome, forward.plan.input_tokens)
    history = bytes.fromhex(known.history) if known.history else None
    answered = outcome is Outcome.ANSWERED and history and not spoken(exchange.view)
    return Settlement(
        request_id=exchange.request_id,
        tenant=TENANT,
        attempt=attempt,
        outcome=outcome,
        reason=attempt.reason,
        response_headers=recordable_answer(head.headers if head else ()),
        response=content,
        stop_reason=reader.stop_reason,
        usage=usage,
        usage_estimated=estimated,
        times=_times(exchange, forward, times),
        counted_tokens=forward.plan.counted_tokens,
        conversation_id=known.conversation_id,
        turn=known.turn if known.conversation_id else None,
        chain=bytes.fromhex(known.chain) if known.chain else None,
        depth=len(exchange.view.messages),
        journalled=journalled,
        session=session_of(TENANT, exchange.view, exchange.headers),
        project=known.project,
        caller=caller,
        history=history,
        origin=bytes.fromhex(known.origin),
        answered=_through_answer(history, exchange.view, head, content) if answered else None,
        named=value_of(exchange.headers, SESSION_HEADER) is not None,
        owner=owner,
    )


def _through_answer(
    history: bytes | None, view: RequestView, head: AnswerHead | None, content: bytes
) -> bytes | None:
    """The history's hash through the answer as the client will send it back; None where it cannot
    be read."""
    if history is None or head is None:
        return None
    body = Decoder(value_of(head.headers, b"content-encoding")).feed(content)
    message = view.dialect.answer_message(body, value_of(head.headers, b"content-type") or "")
    return extended(history, message, view.dialect) if message else None


def result(end: Settlement, status: int) -> ForwardUpstreamResult:
    """What the workflow is told of a settled request."""
    return ForwardUpstreamResult(
        outcome=end.outcome,
        status=status,
        attempts=end.attempt.lease.number,
        input_tokens=end.usage["input_total"] or 0,
        output_tokens=end.usage["output_tokens"] or 0,
        stop_reason=end.stop_reason,
    )


def client_headers(known: QueryIntelligenceResult, plan: RewriteContextResult) -> RawHeaders:
    """Headers of ours for the client: what the model saw, what was injected, what is missing."""
    values = (
        (b"x-palimpsest-context", plan.summary),
        (b"x-palimpsest-intelligence", plan.intelligence),
        (b"x-palimpsest-degraded", known.degraded or plan.degraded),
    )
    return tuple((name, value.encode("latin-1")) for name, value in values if value)


def recorded_result(record: RequestRecord, attempts: int) -> ForwardUpstreamResult | None:
    """What the workflow is told of a request that was settled before; None if it was not."""
    if record.outcome is None or record.outcome not in _WITH_RESULT:
        return None
    prompt = (record.input_tokens, record.cache_read_tokens, record.cache_write_tokens)
    return ForwardUpstreamResult(
        outcome=record.outcome,
        status=record.status or 0,
        attempts=attempts,
        input_tokens=sum(count or 0 for count in prompt),
        output_tokens=record.output_tokens or 0,
        stop_reason=record.stop_reason,
    )


def estimated_tokens(characters: int) -> int:
    """Tokens of so many characters of output, roughly."""
    return round(characters / _CHARS_PER_TOKEN)


def usage_json(reader: AnswerReader, outcome: Outcome, planned: int | None) -> str:
    """What one call cost, as the ledger keeps it."""
    usage, estimated = _usage(reader, outcome, planned)
    return msgspec.json.encode({**usage, "estimated": estimated}).decode()


def _usage(
    reader: AnswerReader, outcome: Outcome, planned: int | None
) -> tuple[dict[str, int | None], bool]:
    """What the provider reported, and whether some of it is our estimate: an answer that broke
    off has no final count of its output, and perhaps none of its input."""
    usage = reader.usage
    cut = outcome in _CUT
    if usage is None:
        names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
        guess = planned if cut else None
        return {**dict.fromkeys(names), "input_tokens": guess, "input_total": guess}, cut
    written = estimated_tokens(reader.output_chars) if cut else 0
    return {
        "input_tokens": usage.input,
        "output_tokens": max(usage.output, written),
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "input_total": usage.prompt,
    }, cut


def _times(
    exchange: Exchange, forward: ForwardUpstreamInput, times: Times
) -> dict[str, float | None]:
    def ms(start: float | None, end: float | None) -> float | None:
        return None if start is None or end is None else (end - start) * 1000

    return {
        "accept_ms": exchange.accept_ms,
        "query_ms": forward.known.took_ms,
        "rewrite_ms": forward.plan.took_ms,
        "overhead_ms": ms(exchange.received, times.dialled),
        "upstream_first_byte_ms": ms(times.dialled, times.first_chunk),
        "first_byte_ms": ms(exchange.received, times.first_release),
        "total_ms": ms(exchange.received, times.ended),
    }


PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.25

_log = structlog.stdlib.get_logger()


class EndCommit:
    """Commits ends, or keeps them on disk until they can be committed."""

    def __init__(self, store: RequestStore, spill: Spill) -> None:
        self._store = store
        self._spill = spill

    async def commit(
        self, end: Settlement, before: Awaitable[None], release: Callable[[], None]
    ) -> None:
        """Commit ``end`` once ``before`` is over, then ``release`` it to the client.

        When the database is away for too long, the client has its end from the disk on; the
        engine, when the database has it, so that nobody takes the request for one whose workflow
        ended without an answer. Raises Fenced when the request was ended elsewhere.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await before
                await self._settle(end)
        except TimeoutError:
            await asyncio.to_thread(self._spill.write, end)
            _log.warning("the end was put on disk until the database is back")
            release()
            await self._settle(end)
            await asyncio.to_thread(self._spill.remove, end.request_id)
        release()

    async def _settle(self, end: Settlement) -> None:
        """Try until the database takes it."""
        while True:
            try:
                if await self._store.settle(end):
                    return
            except DatabaseUnavailable as error:
                _log.warning("settlement waits", reason=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                raise Fenced("the request was ended elsewhere")


async def commit_spilled(spill: Spill, requests: RequestStore, request_id: str = "*") -> None:
    """Commit the ends that wait on disk, or that of one request; raises DatabaseUnavailable."""
    for end in await asyncio.to_thread(spill.read, request_id):
        if not await requests.settle(end):
            _log.warning("a spilled end came too late", request_id=end.request_id)
        await asyncio.to_thread(spill.remove, end.request_id)
