"""Reading an answer of the Messages API as it streams by: how far it got, and what it cost.

Bytes in, facts out: an SSE stream or a JSON body. Content deltas are never decoded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, cast

import msgspec

from palimpsest.dialects.anthropic.sse import Event, SseParser
from palimpsest.runtime.foreign_values import UNREADABLE, parse_count, parse_fields, parse_text

_DELTA_FRAME = 84
_MOST_JSON_BYTES = 32 * 1024 * 1024


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
    """Tokens as the provider reports them; ``input`` excludes what went through the cache.
    ``damaged``: a count of it could not be read, or was beyond `MOST_TOKENS`."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    damaged: bool = False

    @property
    def prompt(self) -> int:
        """The whole prompt's tokens."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h


MOST_TOKENS = 2**53 - 1
"""Four such counts together are still a bigint, and each is exact in every JSON."""

_LONGEST_NAME = 200
_NULL = b"null"


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
        self._between_line_ends = False

    def headers(self, content_type: str) -> None:
        """The answer's head arrived; its content type tells SSE from JSON."""
        self.phase = Phase.HEADERS
        self._streaming = content_type.lower().startswith("text/event-stream")

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body, decompressed."""
        self.received += len(chunk)
        if not self._streaming:
            if self.received <= _MOST_JSON_BYTES:
                self._body += chunk
            return
        self._between_line_ends = chunk.endswith(b"\r")
        for event in self._parser.feed(chunk):
            self.events += 1
            self._take(event)

    def close(self) -> None:
        """The body ended; only a JSON body is read here."""
        if self._streaming or self.phase is not Phase.HEADERS:
            return
        message = parse_fields(self._body)
        if message is None:
            return
        self.complete = True
        self._read(message)
        if (error := _present(message, "error")) is not None:
            self._fail(error)
        else:
            self.content_started = True
            self.phase = Phase.ENDED

    @property
    def is_over(self) -> bool:
        """The stream said its end, `message_stop` or an error: nothing that belongs to it can
        come any more, however long its transport stays open."""
        said = self.complete or self.error is not None
        return self._streaming and said and not self._between_line_ends

    @property
    def pending(self) -> int:
        """Bytes of an event that has not ended."""
        return self.received - self._parser.pending_start if self._streaming else 0

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
        decoded = parse_fields(event.data) or {}
        named = event.name != b"message"
        name = event.name.decode("latin-1") if named else _text(decoded, "type")
        if name == "message_start":
            self.phase = Phase.STARTED
            self._read(parse_fields(decoded.get("message", _NULL)) or {})
        elif name == "message_delta":
            self._read(parse_fields(decoded.get("delta", _NULL)) or {})
            self._count(_present(decoded, "usage"))
            self._lost(_present(decoded, "input_transformations"))
        elif name == "message_stop":
            self.complete = True
            self.stop_offset = event.start
            self.phase = Phase.ENDED
        elif name == "error":
            self._fail(decoded.get("error", _NULL))
        elif name in ("content_block_start", "content_block_delta"):
            self._begin_content()

    def _begin_content(self) -> None:
        self.content_started = True
        if self.phase in (Phase.HEADERS, Phase.STARTED):
            self.phase = Phase.CONTENT

    def _read(self, message: Mapping[str, bytes]) -> None:
        self.model = _text(message, "model") or self.model
        self.stop_reason = _text(message, "stop_reason") or self.stop_reason
        self._count(_present(message, "usage"))
        self._lost(_present(message, "input_transformations"))

    def _lost(self, raw: bytes | None) -> None:
        """Told at the start; told again, it is another model's, and takes the first's place."""
        try:
            transformations: Any = msgspec.json.decode(raw or _NULL)
        except UNREADABLE:
            return
        if isinstance(transformations, list):
            self.dropped = tuple(_dropped(cast("list[Any]", transformations)))

    def _count(self, raw: bytes | None) -> None:
        """Later counts replace earlier ones: the API's are cumulative."""
        if raw is None:
            return
        fields = parse_fields(raw)
        known = self.usage or Usage()
        if fields is None:
            self.usage = replace(known, damaged=True)
            return
        counts = _Counts(fields)
        write_5m, write_1h = _writes(counts, fields, known)
        self.usage = Usage(
            input=counts.newer("input_tokens", known.input),
            output=counts.newer("output_tokens", known.output),
            cache_read=counts.newer("cache_read_input_tokens", known.cache_read),
            cache_write_5m=write_5m,
            cache_write_1h=write_1h,
            damaged=known.damaged or counts.damaged,
        )

    def _fail(self, raw: bytes) -> None:
        self.error = _text(parse_fields(raw) or {}, "type") or "api_error"
        self.phase = Phase.ERROR


class _Counts:
    """The counts of one usage; ``damaged``: one of them was none, or beyond all bounds."""

    def __init__(self, fields: Mapping[str, bytes]) -> None:
        self._fields = fields
        self.damaged = False

    def get(self, name: str) -> int | None:
        raw = _present(self._fields, name)
        if raw is None:
            return None
        count = parse_count(raw)
        self.damaged = self.damaged or count is None or count > MOST_TOKENS
        return None if count is None else min(count, MOST_TOKENS)

    def newer(self, name: str, known: int) -> int:
        count = self.get(name)
        return known if count is None else count


def _writes(counts: _Counts, fields: Mapping[str, bytes], known: Usage) -> tuple[int, int]:
    """Cache writes by TTL; without the breakdown the total counts as five-minute writes."""
    split = _Counts(parse_fields(fields.get("cache_creation", _NULL)) or {})
    short, long = split.get("ephemeral_5m_input_tokens"), split.get("ephemeral_1h_input_tokens")
    total = counts.get("cache_creation_input_tokens")
    counts.damaged = counts.damaged or split.damaged
    if short is not None:
        return short, long or 0
    if total is None or total == known.cache_write_5m + known.cache_write_1h:
        return known.cache_write_5m, known.cache_write_1h
    return total, 0


def _dropped(transformations: list[Any]) -> Iterator[str]:
    for made in transformations:
        if isinstance(made, dict):
            fields = cast("dict[str, Any]", made)
            if fields.get("type") == "thinking_dropped":
                yield str(fields.get("reason") or "unknown")


def _present(fields: Mapping[str, bytes], name: str) -> bytes | None:
    """A field's raw value; None where it is absent or null."""
    raw = fields.get(name)
    return None if raw == _NULL else raw


def _text(fields: Mapping[str, bytes], name: str) -> str | None:
    """A field's text, cut to what any record takes; None where there is none."""
    text = parse_text(fields.get(name, _NULL))
    return text[:_LONGEST_NAME] if text else None
