"""Calls of our own beside a client's request: not streamed, with its credentials."""

import asyncio
from dataclasses import dataclass

import httpx
import msgspec

from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.exchanges.model import EndCause, Outcome
from palimpsest.forwarding.model import AttemptEnd, Lease
from palimpsest.forwarding.retry import is_retryable
from palimpsest.forwarding.settlement import estimated_tokens, usage_json
from palimpsest.providers.headers import RawHeaders
from palimpsest.providers.upstream import Upstream, body
from palimpsest.runtime.errors import PalimpsestError, StreamBroken, UpstreamTimeout
from palimpsest.runtime.metrics import Metrics

_SECONDS = 45.0
_MOST_BYTES = 1024 * 1024
_NOT_OURS = frozenset((b"idempotency-key", b"accept", b"accept-encoding", b"content-encoding"))
_OURS = ((b"accept", b"application/json"), (b"accept-encoding", b"identity"))


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""


class _Message(msgspec.Struct):
    content: list[_Block] = []


_MESSAGE = msgspec.json.Decoder(_Message)


@dataclass(frozen=True, slots=True)
class SideAnswer:
    """What the model said; ``usage`` is JSON, as the attempts keep it."""

    status: int
    size: int
    text: str
    usage: str


class NoTextAnswered(PalimpsestError):
    """The provider answered, and not with words. ``usage`` as above; ``retryable`` as the provider
    has it."""

    def __init__(self, status: int, size: int, usage: str, *, retryable: bool) -> None:
        super().__init__(f"the provider answered {status}, without a text")
        self.answered, self.size, self.usage = status, size, usage
        self.retryable = retryable


class SideCalls:
    """``seconds`` is the most that one may take."""

    def __init__(self, upstream: Upstream, metrics: Metrics, seconds: float = _SECONDS) -> None:
        self._upstream = upstream
        self._metrics = metrics
        self._seconds = seconds

    async def ask(self, target: bytes, headers: RawHeaders, content: bytes) -> SideAnswer:
        """Ask once. Raises NoTextAnswered, UpstreamUnreachable, UpstreamTimeout or StreamBroken."""
        try:
            async with asyncio.timeout(self._seconds):
                response, answer = await self._call(target, headers, content)
        except TimeoutError as error:
            raise UpstreamTimeout("the provider took too long") from error
        status = response.status_code
        reader = AnswerReader()
        reader.headers("application/json")
        reader.feed(answer)
        reader.close()
        usage = usage_json(reader, _outcome(status), None)
        text = _text(answer) if status == 200 and reader.stop_reason != "refusal" else ""
        if not text:
            again = is_retryable(status, response.headers)
            raise NoTextAnswered(status, len(answer), usage, retryable=again)
        return SideAnswer(status, len(answer), text, usage)

    async def _call(
        self, target: bytes, headers: RawHeaders, content: bytes
    ) -> tuple[httpx.Response, bytes]:
        kept = tuple(pair for pair in headers if pair[0].lower() not in _NOT_OURS)
        self._metrics.wire_calls.inc()
        response = await self._upstream.send("POST", target, (*kept, *_OURS), content)
        answer = bytearray()
        try:
            async for chunk in body(response.aiter_raw(), self._seconds):
                answer += chunk
                if len(answer) > _MOST_BYTES:
                    raise StreamBroken("the provider's answer does not end")
        finally:
            await response.aclose()
        return response, bytes(answer)


def end_of_failed(lease: Lease, error: BaseException, content: bytes) -> AttemptEnd:
    """The end of a call that brought nothing; what a broken one cost is estimated."""
    if isinstance(error, NoTextAnswered):
        outcome = _outcome(error.answered)
        return AttemptEnd(lease, outcome, error.answered, error.size, str(error), error.usage)
    reason = str(error) or EndCause.PROCESS_STOPPED
    asked = estimated_tokens(len(content))
    return AttemptEnd(
        lease,
        Outcome.BROKEN,
        reason=reason,
        usage=usage_json(AnswerReader(), Outcome.BROKEN, asked),
    )


def _outcome(status: int) -> Outcome:
    return Outcome.ANSWERED if status == 200 else Outcome.UPSTREAM_ERROR


def _text(answer: bytes) -> str:
    try:
        blocks = _MESSAGE.decode(answer).content
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    return "\n".join(block.text for block in blocks if block.type == "text").strip()
