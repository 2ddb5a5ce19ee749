"""A load generator with little CPU per request: N clients on keep-alive connections, closed loop.

``python -m harness.bench.load`` reads a Job from stdin and writes an Outcome to stdout.
"""

import asyncio
import time
import uuid
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

from harness.bench.answers import check
from harness.bench.bodies import Conversation, conversation
from harness.bench.job import (
    Job,
    Outcome,
    read_job,
    write_outcome,
)
from harness.bench.window import RequestFailed, Timing, Window


class Connection(asyncio.Protocol):
    """One keep-alive connection; also the callbacks of its response parser."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[None] | None = None
        self._timing = Timing()
        self.body = bytearray()

    @property
    def status(self) -> int:
        return self._parser.get_status_code()

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, head: bytes, body: bytes) -> Timing:
        """Send one request; return when its whole answer is in ``body``."""
        if self._transport is None:
            raise RequestFailed("not connected")
        self._parser = httptools.HttpResponseParser(self)
        self.body.clear()
        self._done = asyncio.get_running_loop().create_future()
        self._timing = Timing()
        self._transport.writelines((head, body))
        await self._done
        return self._timing

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(f"connection lost after {len(self.body)} bytes of the answer: {exc}")

    def on_body(self, data: bytes) -> None:
        if not self.body:
            self._timing.first_byte = time.perf_counter()
        self.body += data

    def on_message_complete(self) -> None:
        self._timing.ended = time.perf_counter()
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _fail(self, reason: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(RequestFailed(reason))


class Load:
    """The clients of one job: each has a conversation, a session id and a connection."""

    def __init__(self, job: Job) -> None:
        self._job = job
        address = urlsplit(job.url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._run = uuid.uuid4().hex
        self._conversations: dict[int, Conversation] = {}
        self._connections: dict[int, Connection] = {}
        self._sessions = [str(uuid.uuid4()) for _ in range(job.clients)]

    async def run(self) -> Outcome:
        for client in range(self._job.clients):
            self._conversations[client] = conversation(
                self._job.body_kb, client, stream=self._job.stream
            )
        opening = self._open() if self._job.opening else Window(self._job, self._once).run()
        outcome = await opening
        for connection in self._connections.values():
            connection.close()
        return outcome

    async def _once(self, client: int, number: int) -> Timing:
        connection = await self._connected(client)
        body = self._conversations[client].body(
            f"Run {self._run}, client {client}, turn {number}: and now?"
        )
        timing = await connection.exchange(self._head(client, len(body)), body)
        check(connection.status, connection.body, stream=self._job.stream)
        return timing

    async def _open(self) -> Outcome:
        outcome = Outcome()
        for client, talk in self._conversations.items():
            if talk.opening:
                connection = await self._connected(client)
                await connection.exchange(self._head(client, len(talk.opening)), talk.opening)
                check(connection.status, connection.body, stream=self._job.stream)
                outcome.requests += 1
        return outcome

    async def _connected(self, client: int) -> Connection:
        connection = self._connections.get(client)
        if connection is not None and connection.usable:
            return connection
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, self._host, self._port
            )
        except OSError as error:
            raise RequestFailed(f"no connection: {error}") from error
        self._connections[client] = connection
        return connection

    def _head(self, client: int, length: int) -> bytes:
        lines = (
            "POST /v1/messages?beta=true HTTP/1.1",
            f"host: {self._host}:{self._port}",
            "content-type: application/json",
            "accept: application/json",
            "user-agent: palimpsest-bench",
            f"x-api-key: {self._job.api_key}",
            "anthropic-version: 2023-06-01",
            f"x-claude-code-session-id: {self._sessions[client]}",
            f"content-length: {length}",
        )
        return "\r\n".join((*lines, "", "")).encode()


def main() -> None:
    job = read_job()
    write_outcome(uvloop.run(Load(job).run()))


if __name__ == "__main__":
    main()
