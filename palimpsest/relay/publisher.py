"""Publishes an answer whose client waits in another process.

An answer is written to its stream beside the call that receives it: Redis may be slow, away or
empty again, and the call goes on to its recorded end.
"""

import asyncio

import structlog

from palimpsest.exchanges.exchange import Exchange
from palimpsest.relay.entries import Entry, EntryKind, error_entry, head_entry, key_of, to_fields
from palimpsest.runtime.errors import RedisUnavailable
from palimpsest.store.redis.streams import Streams

_LIVE_SECONDS = 3600
_ENDED_SECONDS = 300
_PAUSE = 0.1
_PATIENCE = 10.0
_ENTRY_BYTES = 1024 * 1024

_log = structlog.stdlib.get_logger()


class Publisher:
    """Writes answers of this process into streams."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._publications: set[asyncio.Task[None]] = set()

    def publish(self, exchange: Exchange, fence: int) -> asyncio.Task[None]:
        """Write the exchange's answer under a lease's fence, until it has ended."""
        task = asyncio.create_task(_Publication(self._streams, exchange, fence).run())
        self._publications.add(task)
        task.add_done_callback(self._publications.discard)
        return task

    async def announce_end(self, request_id: str) -> None:
        """Tell those who wait that the end is on record; they also look by themselves, later."""
        try:
            fields = to_fields(Entry(EntryKind.RECORDED, 0))
            key = key_of(request_id)
            await self._streams.append(key, [fields], creates=False, expires=_ENDED_SECONDS)
        except RedisUnavailable as error:
            _log.warning("nobody could be told of an end", reason=str(error))

    async def close(self) -> None:
        """Wait for the ends under way, within their patience."""
        if self._publications:
            await asyncio.wait(self._publications, timeout=_PATIENCE)


class _Publication:
    """One answer under one fence. ``_offset`` counts the bytes written; a stream that was lost, or
    that we cannot be sure of, is written again from the start."""

    def __init__(self, streams: Streams, exchange: Exchange, fence: int) -> None:
        self._streams = streams
        self._exchange = exchange
        self._key = key_of(exchange.request_id)
        self._answer = exchange.answer
        self._fence = fence
        self._whole = False
        self._offset = 0

    async def run(self) -> None:
        give_up_at: float | None = None
        loop = asyncio.get_running_loop()
        while True:
            if self._whole:
                await self._answer.wait_for_bytes(self._offset)
            ended = self._answer.ended
            if await self._write() and ended:
                return
            if ended and give_up_at is None:
                give_up_at = loop.time() + _PATIENCE
            if give_up_at is not None and loop.time() > give_up_at:
                _log.warning("an end was not relayed; it is on record")
                return

    async def _write(self) -> bool:
        """Write what there is; False when it has to be written again."""
        entries, size = self._pending()
        whole = self._offset + size == self._answer.size
        creates, ended = not self._whole, self._answer.ended and whole
        expires = _ENDED_SECONDS if ended else _LIVE_SECONDS
        fields = [to_fields(entry) for entry in entries]
        try:
            self._whole = await self._streams.append(
                self._key, fields, creates=creates, expires=expires
            )
        except RedisUnavailable as error:
            _log.warning("an answer is not relayed now", reason=str(error))
            self._whole = False
            await asyncio.sleep(_PAUSE)
        self._offset = self._offset + size if self._whole else 0
        return self._whole and whole

    def _pending(self) -> tuple[list[Entry], int]:
        """The entries to write, and how many bytes of the answer are in them."""
        answer = self._answer
        entries: list[Entry] = [] if self._whole else [Entry(EntryKind.BEGIN, self._fence)]
        if self._offset == 0 and answer.head is not None:
            entries.append(head_entry(self._fence, answer.head))
        data = answer.read_from(self._offset, _ENTRY_BYTES)
        if data:
            entries.append(Entry(EntryKind.DATA, self._fence, self._offset, data))
        end = self._offset + len(data)
        if end < answer.size:
            return entries, len(data)
        if answer.error is not None:
            entries.append(error_entry(self._fence, end, answer.error))
        elif answer.ended:
            entries.append(Entry(EntryKind.END, self._fence, end))
        return entries, len(data)
