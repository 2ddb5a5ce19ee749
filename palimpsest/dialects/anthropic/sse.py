"""Server-sent events, sans-IO: bytes in, events out, whatever the chunks and the line ends."""

import re
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LINE_ENDS = b"\r\n"
_LONGEST_BLANK = 4


class Event(NamedTuple):
    """``start`` is the offset of the event's first byte in the stream."""

    name: bytes
    data: bytes
    start: int


class SseParser:
    """Cuts a byte stream into events; an event that has not ended is never returned."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._scanned = 0
        self._has_returns = False
        self._at_beginning = True

    @property
    def pending_start(self) -> int:
        """The offset of the first byte that belongs to no returned event."""
        return self._offset

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that ``chunk`` completes, in order."""
        buffer = self._buffer
        buffer += chunk
        if not self._has_returns and b"\r" in chunk:
            self._has_returns = True
        if self._at_beginning and not self._skip_bom():
            return []
        events: list[Event] = []
        at = self._skip_line_ends(0)
        while True:
            end, after = self._blank_line(max(at, self._scanned))
            if end < 0:
                break
            event = _event(bytes(buffer[at:end]), self._offset + at)
            if event is not None:
                events.append(event)
            at = self._scanned = self._skip_line_ends(after)
        self._scanned = max(at, len(buffer) - _LONGEST_BLANK + 1) - at
        self._offset += at
        del buffer[:at]
        return events

    def _skip_bom(self) -> bool:
        """False while it is not known whether the stream begins with a byte order mark."""
        head = bytes(self._buffer[: len(_BOM)])
        if len(head) < len(_BOM) and _BOM.startswith(head):
            return False
        self._at_beginning = False
        if head == _BOM:
            del self._buffer[: len(_BOM)]
            self._offset += len(_BOM)
        return True

    def _skip_line_ends(self, at: int) -> int:
        buffer, size = self._buffer, len(self._buffer)
        while at < size and buffer[at] in _LINE_ENDS:
            at += 1
        return at

    def _blank_line(self, start: int) -> tuple[int, int]:
        """Where the event ends and where the next may begin; -1 when no blank line is there."""
        if not self._has_returns:
            end = self._buffer.find(b"\n\n", start)
            return end, end + 2
        match = _BLANK.search(self._buffer, start)
        return (match.start(), match.end()) if match else (-1, -1)


def _event(block: bytes, start: int) -> Event | None:
    if block.startswith(b"event: "):
        name, _, rest = block[7:].partition(b"\n")
        if rest.startswith(b"data: ") and b"\n" not in rest and b"\r" not in block:
            return Event(name, rest[6:], start)
    name, data = b"", list[bytes]()
    for line in _LINE_END.split(block):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value
        elif field == b"data":
            data.append(value)
    return Event(name or b"message", b"\n".join(data), start) if data else None
