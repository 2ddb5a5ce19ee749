"""A client's connection: what it may send and how long it may take, and what became of it."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any, cast

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.errors import error_body
from palimpsest.exchanges.disconnects import Connection
from palimpsest.runtime.errors import HeadTooLarge, PalimpsestError, TooSlow

READ_AHEAD_BYTES = 1024 * 1024

_KEY = "palimpsest_connection"
_LINGER_SECONDS = 1.0
_UPGRADE_NAMES = (b"upgrade", b"http2-settings")
_REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """``head_bytes``: of a request line with its headers. ``head_seconds``: from the connection or
    the first byte of a request until its headers are whole. ``body_seconds``: the longest silence
    within a body that we are ready to read."""

    head_bytes: int = 64 * 1024
    head_seconds: float = 30.0
    body_seconds: float = 60.0


class EdgeProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounds, and its connection's fate shown to the application.

    A request that asks for another protocol (`Upgrade: h2c`) is served in this one, as RFC 9110
    §7.8 allows; trailers are read and not taken for headers.
    """

    def __init__(self, *args: Any, bounds: Bounds | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bounds = bounds or Bounds()
        self._connection = Connection()
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = self._in_body = self._upgrades = self._is_refused = False
        self._last_piece = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._connection.open = False
        self._connection.reset = exc is not None
        if self._connection.on_lost:
            self._connection.on_lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused or not data:
            return
        self._unset_keepalive_if_required()
        if self._timer is None and not self._in_body:
            self._await_head()
        # What stands before a head in the same piece is another request's.
        counts = self._in_head or self._cycle() is None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if not self._is_refused:
                self.send_400_response("Invalid HTTP request received.")
            return
        if self._in_head and counts:
            self._count_head(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        if self._timer is None:
            self._await_head()
        cycle = self._cycle()
        if cycle is None or cycle.response_complete:
            # The next request says that the answer before it has arrived, whatever happens now.
            self._connection = Connection(transport=self.transport)
        cast("dict[str, Any]", self.scope)[_KEY] = self._connection

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()
        self._head_bytes = 0
        self._count_head(
            sum(len(name) + len(value) for name, value in self.headers) + len(self.url)
        )
        self._upgrades = self.parser.should_upgrade()
        if self._is_refused or self._upgrades:
            return
        super().on_headers_complete()
        self._in_body = True
        self._await_body()

    def on_body(self, body: bytes) -> None:
        """Gather the body and wake the application when it is whole; uvicorn's own stops reading
        after each 64 KB until the application was there, seven times for a body of 400 KB."""
        if self._is_refused:
            return
        self._last_piece = self.loop.time()
        cycle = self._cycle()
        if cycle is None or cycle.response_complete:
            super().on_body(body)
            return
        cycle.body += body
        if len(cycle.body) > READ_AHEAD_BYTES:
            # It may be over the limit on bodies.
            self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        if self._is_refused or self._upgrades:
            return
        self._in_body = False
        self._stop_timer()
        super().on_message_complete()

    def _cycle(self) -> RequestResponseCycle | None:
        """The newest request; None before the first."""
        return cast("RequestResponseCycle | None", self.cycle)

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read the request once more as one that asks for no other protocol: the parser takes
        what follows such a head for bytes of the other one."""
        method, version = self.parser.get_method(), self.parser.get_http_version()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version.encode())]
        for name, value in self.headers:
            if name == b"connection":
                named = [token.strip() for token in value.split(b",")]
                value = b", ".join(one for one in named if one.lower() not in _UPGRADE_NAMES)
            if name not in _UPGRADE_NAMES and (value or name != b"connection"):
                lines.append(b"%b: %b" % (name, value))
        self._upgrades = False
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._bounds.head_bytes:
            self._refuse(
                HeadTooLarge(f"the request's headers exceed {self._bounds.head_bytes} bytes")
            )

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(self._bounds.head_seconds, self._head_is_late)

    def _await_body(self) -> None:
        self._last_piece = self.loop.time()
        self._timer = self.loop.call_later(self._bounds.body_seconds, self._body_is_late)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _head_is_late(self) -> None:
        self._timer = None
        if self._in_head:
            self._refuse(TooSlow("the request's headers did not come in time"))
        elif (cycle := self._cycle()) is None or cycle.response_complete:
            self.transport.close()

    def _body_is_late(self) -> None:
        """A client whose body we do not read now is not late."""
        silent = self.loop.time() - self._last_piece
        if self.flow.read_paused or silent < self._bounds.body_seconds:
            wait = self._bounds.body_seconds - (0 if self.flow.read_paused else silent)
            self._timer = self.loop.call_later(wait, self._body_is_late)
            return
        self._timer = None
        self._refuse(TooSlow("the rest of the request's body did not come in time"))

    def _refuse(self, error: PalimpsestError) -> None:
        """Answer for the application, unless that has begun to, and read no more. What the client
        still sends is taken for a moment: a reset would take the answer from it."""
        if self._is_refused:
            return
        self._is_refused = True
        self._stop_timer()
        cycle = self._cycle()
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.abort()
                return
        content = error_body(error, f"req_{secrets.token_hex(13)}")
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b"
            % (error.status, _REASONS[error.status], len(content), content)
        )
        self.flow.resume_reading()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)


def connection_of(scope: Scope) -> Connection:
    """The connection a request came on; one that stays open where the server is another."""
    return scope.get(_KEY) or Connection()
