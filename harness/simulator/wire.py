"""The HTTP connection below ASGI: raw header names, resets, and closing in mid-answer.

ASGI lowers header names and cannot break a connection on purpose, so the uvicorn protocol is
extended: each request's scope carries its `Wire`.
"""

import asyncio
import socket
import struct
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

RawHeaders = list[tuple[bytes, bytes]]


class Wire:
    """The transport under one request, and its header fields exactly as received."""

    def __init__(self, transport: asyncio.Transport, headers: RawHeaders) -> None:
        self.transport = transport
        self.headers = headers

    @property
    def gone(self) -> bool:
        """Whether the connection is closed or being closed."""
        return self.transport.is_closing()

    def reset(self) -> None:
        """Break the connection so that the peer reads a TCP reset."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def close(self) -> None:
        """Send what is buffered, then end the connection, wherever the answer stands."""
        self.transport.close()


class WireProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which puts a `Wire` into ``scope["extensions"]["wire"]``."""

    raw_headers: RawHeaders

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.raw_headers = []
        wire = Wire(self.transport, self.raw_headers)
        cast("dict[str, Any]", self.scope)["extensions"] = {"wire": wire}

    def on_header(self, name: bytes, value: bytes) -> None:
        self.raw_headers.append((name, value))
        super().on_header(name, value)
