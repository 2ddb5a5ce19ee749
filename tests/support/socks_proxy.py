"""A strict SOCKS5 proxy (RFC 1928, RFC 1929): it connects, by name or address, and no more."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from tests.support.listener import listening, pass_on

_NONE, _BY_PASSWORD, _UNACCEPTABLE = 0, 2, 255
_SUCCEEDED, _HOST_UNREACHABLE, _REFUSED = 0, 4, 5
_IPV4, _NAME = 1, 3


@dataclass(slots=True)
class SocksProxy:
    """``names`` are resolved here and nowhere else; ``login`` is name and password, where it wants
    them. ``asked`` has what each client wanted to be connected to, as it said it."""

    names: dict[str, str] = field(default_factory=dict[str, str])
    login: tuple[str, str] | None = None
    address: str = ""
    asked: list[str] = field(default_factory=list[str])

    @asynccontextmanager
    async def serve(self) -> "AsyncGenerator[SocksProxy]":
        async with listening(self._answer) as self.address:
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._greet(reader, writer)
            await self._connect(reader, writer)
        except (ValueError, asyncio.IncompleteReadError):
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        wanted = _BY_PASSWORD if self.login else _NONE
        if version != 5 or wanted not in offered:
            writer.write(bytes((5, _UNACCEPTABLE)))
            raise ValueError(offered)
        writer.write(bytes((5, wanted)))
        if self.login:
            await self._check(self.login, reader, writer)

    async def _check(
        self, login: tuple[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        [version] = await reader.readexactly(1)
        given = (await _counted(reader), await _counted(reader))
        is_right = version == 1 and given == login
        writer.write(bytes((1, 0 if is_right else 1)))
        if not is_right:
            raise ValueError("not who it says")

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version, command, reserved, kind = await reader.readexactly(4)
        if (version, command, reserved) != (5, 1, 0):
            raise ValueError("no CONNECT")
        said = await _said(kind, reader)
        [port] = struct.unpack("!H", await reader.readexactly(2))
        self.asked.append(f"{said}:{port}")
        host = self.names.get(said) if kind == _NAME else said
        if host is None:
            writer.write(_reply(_HOST_UNREACHABLE))
            raise ValueError(f"{said} is nowhere")
        try:
            there, back = await asyncio.open_connection(host, port)
        except OSError:
            writer.write(_reply(_REFUSED))
            writer.close()
            return
        writer.write(_reply(_SUCCEEDED))
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))


async def _said(kind: int, reader: asyncio.StreamReader) -> str:
    match kind:
        case 1:
            return str(IPv4Address(await reader.readexactly(4)))
        case 4:
            return str(IPv6Address(await reader.readexactly(16)))
        case 3:
            return await _counted(reader)
        case _:
            raise ValueError(kind)


async def _counted(reader: asyncio.StreamReader) -> str:
    [length] = await reader.readexactly(1)
    return (await reader.readexactly(length)).decode()


def _reply(code: int) -> bytes:
    return bytes((5, code, 0, _IPV4)) + socket.inet_aton("127.0.0.1") + bytes(2)
