"""Reading an answer of the Messages API as it streams by: how far it got, and what it cost.

Bytes in, facts out: an SSE stream or a JSON body. Content deltas are never decoded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import msgspec

from palimpsest.dialects.anthropic.sse import Event, SseParser

_DELTA_FRAME = 84


class Phase(StrEnum):
    """How far an answer got; CONTENT means that the model's words have begun."""

    NOTHING = "nothing"
    HEADERS = "headers"
    STARTED = "started"
    CONTENT = "content"
    ENDED = "ended"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider reports them; ``input`` excludes what went through the cache."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0

    @property
    def prompt(self) -> int:
        """The whole prompt's tokens."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h


class _Writes(msgspec.Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _Writes | None = None


class _Error(msgspec.Struct):
    type: str | None = None


class _Message(msgspec.Struct):
    """A message, the whole of a JSON answer, or a ``delta`` of it."""

    type: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None
    error: _Error | None = None
    input_transformations: Any = None


class _Event(msgspec.Struct):
    type: str | None = None
    message: _Message | None = None
    delta: _Message | None = None
    usage: _Usage | None = None
    error: _Error | None = None
    input_transformations: Any = None


_EVENT = msgspec.json.Decoder(_Event)
_MESSAGE = msgspec.json.Decoder(_Message)


class AnswerReader:
    """Follows one answer: ``headers``, then ``feed`` each chunk, then ``close`` at its end.

    ``complete`` is True only for an answer that came whole: ``message_stop`` was seen, or the JSON
    body parsed. ``error`` is the type of an error event or body; ``dropped`` holds the reason for
    each thinking block of the prompt that the provider left out.
    """

    def __init__(self) -> None:
        self.phase = Phase.NOTHING
        self.model: str | None = None
        self.usage: Usage | None = None
        self.stop_reason: str | None = None
        self.error: str | None = None
        self.dropped: tuple[str, ...] = ()
        self.complete = False
        self.content_started = False
        self.stop_offset: int | None = None
        self.received = 0
        self.events = 0
        self.output_chars = 0
        self._streaming = False
        self._parser = SseParser()
        self._body = bytearray()

    def headers(self, content_type: str) -> None:
        """The answer's head arrived; its content type tells SSE from JSON."""
        self.phase = Phase.HEADERS
        self._streaming = content_type.lower().startswith("text/event-stream")

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body, decompressed."""
        self.received += len(chunk)
        if not self._streaming:
            self._body += chunk
            return
        for event in self._parser.feed(chunk):
            self.events += 1
            self._take(event)

    def close(self) -> None:
        """The body ended; only a JSON body is read here."""
        if self._streaming or self.phase is not Phase.HEADERS:
            return
        try:
            message = _MESSAGE.decode(self._body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        self.complete = True
        self._read(message)
        if message.error is not None:
            self._fail(message.error)
        else:
            self.content_started = True
            self.phase = Phase.ENDED

    @property
    def releasable(self) -> int:
        """How many bytes may go to the client before the outcome is committed.

        Whole events, so that a ping or an error of our own never lands inside one, and not the
        final ``message_stop``; of a JSON body, nothing.
        """
        if not self._streaming:
            return 0
        if self.stop_offset is not None:
            return self.stop_offset
        return self._parser.pending_start

    def _take(self, event: Event) -> None:
        match event.name:
            case b"content_block_delta":
                self._begin_content()
                if event.data.find(b'"signature_delta"', 0, _DELTA_FRAME) < 0:
                    self.output_chars += max(0, len(event.data) - _DELTA_FRAME)
            case b"content_block_start":
                self._begin_content()
            case b"content_block_stop" | b"ping":
                pass
            case _:
                self._take_decoded(event)

    def _take_decoded(self, event: Event) -> None:
        try:
            decoded = _EVENT.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            decoded = _Event()
        name = event.name.decode("latin-1") if event.name != b"message" else decoded.type
        if name == "message_start":
            self.phase = Phase.STARTED
            self._read(decoded.message)
        elif name == "message_delta":
            self._read(decoded.delta)
            self._count(decoded.usage)
            self._lost(decoded.input_transformations)
        elif name == "message_stop":
            self.complete = True
            self.stop_offset = event.start
            self.phase = Phase.ENDED
        elif name == "error":
            self._fail(decoded.error or _Error())
        elif name in ("content_block_start", "content_block_delta"):
            self._begin_content()

    def _begin_content(self) -> None:
        self.content_started = True
        if self.phase in (Phase.HEADERS, Phase.STARTED):
            self.phase = Phase.CONTENT

    def _read(self, message: _Message | None) -> None:
        if message is None:
            return
        self.model = message.model or self.model
        self.stop_reason = message.stop_reason or self.stop_reason
        self._count(message.usage)
        self._lost(message.input_transformations)

    def _lost(self, transformations: Any) -> None:
        """Told at the start; told again, it is another model's, and takes the first's place."""
        if isinstance(transformations, list):
            self.dropped = tuple(_dropped(cast("list[Any]", transformations)))

    def _count(self, usage: _Usage | None) -> None:
        """Later counts replace earlier ones: the API's are cumulative."""
        if usage is None:
            return
        known = self.usage or Usage()
        write_5m, write_1h = _writes(usage, known)
        self.usage = Usage(
            input=_newer(usage.input_tokens, known.input),
            output=_newer(usage.output_tokens, known.output),
            cache_read=_newer(usage.cache_read_input_tokens, known.cache_read),
            cache_write_5m=write_5m,
            cache_write_1h=write_1h,
        )

    def _fail(self, error: _Error) -> None:
        self.error = error.type or "api_error"
        self.phase = Phase.ERROR


def _writes(usage: _Usage, known: Usage) -> tuple[int, int]:
    """Cache writes by TTL; without the breakdown the total counts as five-minute writes."""
    split = usage.cache_creation
    if split is not None and split.ephemeral_5m_input_tokens is not None:
        return split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens or 0
    total = usage.cache_creation_input_tokens
    if total is None or total == known.cache_write_5m + known.cache_write_1h:
        return known.cache_write_5m, known.cache_write_1h
    return total, 0


def _dropped(transformations: list[Any]) -> Iterator[str]:
    for made in transformations:
        if isinstance(made, dict):
            fields = cast("dict[str, Any]", made)
            if fields.get("type") == "thinking_dropped":
                yield str(fields.get("reason") or "unknown")


def _newer(value: int | None, known: int) -> int:
    return known if value is None else value
