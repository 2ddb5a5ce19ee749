"""What became of a client's connection: still open, closed, or reset before it had all."""

from typing import Any, cast

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from palimpsest.exchanges.disconnects import Connection

READ_AHEAD_BYTES = 1024 * 1024

_KEY = "palimpsest_connection"


class EdgeProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with its connection's fate shown to the application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connection = Connection()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete:
            # The next request says that the answer before it has arrived, whatever happens now.
            self._connection = Connection(transport=self.transport)
        cast("dict[str, Any]", self.scope)[_KEY] = self._connection

    def on_body(self, body: bytes) -> None:
        """Gather the body and wake the application when it is whole; uvicorn's own stops reading
        after each 64 KB until the application was there, seven times for a body of 400 KB."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        parser = cast("httptools.HttpRequestParser", self.parser)
        if cycle is None or cycle.response_complete or parser.should_upgrade():
            super().on_body(body)
            return
        cycle.body += body
        if len(cycle.body) > READ_AHEAD_BYTES:
            # It may be over the limit on bodies.
            self.flow.pause_reading()
            cycle.message_event.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.open = False
        self._connection.reset = exc is not None
        if self._connection.on_lost:
            self._connection.on_lost()
        super().connection_lost(exc)


def connection_of(scope: Scope) -> Connection:
    """The connection a request came on; one that stays open where the server is another."""
    return scope.get(_KEY) or Connection()
