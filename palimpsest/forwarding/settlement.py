"""The end of a request as one value, and what the workflow and the client are told of it."""

from dataclasses import replace

import msgspec
import structlog

from palimpsest.conversations.lineage import SESSION_HEADER, extended, session_of, spoken
from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.dialects.model import RequestView
from palimpsest.exchanges.answer import AnswerHead
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.model import Outcome, RequestRecord
from palimpsest.forwarding.model import USAGE, AttemptEnd, Settlement
from palimpsest.gateway.model import TENANT, Ownership
from palimpsest.providers.encodings import Decoder
from palimpsest.providers.headers import RawHeaders, value_of
from palimpsest.providers.records import recordable_answer
from workflows.contracts import (
    ForwardUpstreamInput,
    ForwardUpstreamResult,
    QueryIntelligenceResult,
    RewriteContextResult,
)

_WITH_RESULT = frozenset((Outcome.ANSWERED, Outcome.UPSTREAM_ERROR, Outcome.ABANDONED))

_log = structlog.stdlib.get_logger()
_CUT = frozenset((Outcome.BROKEN, Outcome.ABANDONED, Outcome.CANCELLED))
_CHARS_PER_TOKEN = 3.5
_LARGEST_PROMPT = 10**9
_READABLE_BYTES = 16 * 1024 * 1024
"""Of an answer of 64,000 tokens, an event for each."""


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
    """``content`` is the provider's answer as it came, whole or as far as it got. Whatever else
    cannot be told, the answer is recorded, and the reason says what is missing."""
    known = forward.known
    history = bytes.fromhex(known.history) if known.history else None
    answered = outcome is Outcome.ANSWERED and history and not spoken(exchange.view)
    end = Settlement(
        request_id=exchange.request_id,
        tenant=TENANT,
        attempt=attempt,
        outcome=outcome,
        reason=attempt.reason,
        response_headers="[]",
        response=content,
        stop_reason=reader.stop_reason,
        usage=dict.fromkeys(USAGE),
        usage_estimated=False,
        times=_times(exchange, forward, times),
        counted_tokens=forward.plan.counted_tokens,
        conversation_id=known.conversation_id,
        turn=known.turn if known.conversation_id else None,
        chain=bytes.fromhex(known.chain) if known.chain else None,
        depth=len(exchange.view.messages),
        journalled=journalled,
        project=known.project,
        caller=caller,
        history=history,
        origin=bytes.fromhex(known.origin),
        named=value_of(exchange.headers, SESSION_HEADER) is not None,
        owner=owner,
    )
    try:
        usage, estimated = _usage(reader, outcome, forward.plan.input_tokens)
        return replace(
            end,
            reason=attempt.reason or _damage(reader),
            response_headers=recordable_answer(head.headers if head else ()),
            usage=usage,
            usage_estimated=estimated,
            session=session_of(TENANT, exchange.view, exchange.headers),
            answered=_through_answer(history, exchange.view, head, content) if answered else None,
        )
    except Exception as error:
        _log.exception("a bug")
        return end.without_report(repr(error))


def _through_answer(
    history: bytes | None, view: RequestView, head: AnswerHead | None, content: bytes
) -> bytes | None:
    """The history's hash through the answer as the client will send it back; None where it cannot
    be read, or is too large to be one that goes on."""
    if history is None or head is None or len(content) > _READABLE_BYTES:
        return None
    decoder = Decoder(value_of(head.headers, b"content-encoding"), _READABLE_BYTES)
    body = decoder.feed(content)
    if decoder.failed:
        return None
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
    return tuple((name, value.encode("latin-1", "replace")) for name, value in values if value)


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
        guess = planned if cut else None
        return {**dict.fromkeys(USAGE), "input_tokens": guess, "input_total": guess}, cut
    written = estimated_tokens(reader.output_chars) if cut else 0
    return {
        "input_tokens": usage.input,
        "output_tokens": max(usage.output, written),
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        # The model's ratio is learned from it.
        "input_total": None if usage.damaged or usage.prompt > _LARGEST_PROMPT else usage.prompt,
    }, cut


def _damage(reader: AnswerReader) -> str | None:
    """What of a usage is not on record as it was reported."""
    damaged = reader.usage is not None and reader.usage.damaged
    return "the provider's usage was damaged: some counts are not recorded" if damaged else None


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
