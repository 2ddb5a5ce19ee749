"""A message's events that pass without a workflow: in plain, whole, until they say their end."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

import httpx

from api.errors import error_body, error_event
from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.exchanges.answer import AnswerHead
from palimpsest.forwarding.inlet import Inlet
from palimpsest.providers.upstream import body
from palimpsest.runtime.errors import PalimpsestError
from palimpsest.runtime.parts import Process


class EventStream:
    """``head`` is the answer's, as the client is given it; only what ``is_readable`` is read."""

    def __init__(self, head: AnswerHead) -> None:
        self._reader = AnswerReader()
        self._inlet = Inlet(head, self._reader, asked=True)
        self.head = self._inlet.head
        self.is_readable = self._inlet.is_readable

    async def read(
        self, process: Process, response: httpx.Response, request_id: str
    ) -> AsyncIterator[bytes]:
        """The events as they come, with an error event where they break off."""
        arriving = response.aiter_raw()
        async with AsyncExitStack() as unless_ended:
            unless_ended.push_async_callback(response.aclose)
            try:
                async with aclosing(body(arriving, process.settings.idle_timeout)) as chunks:
                    async for events in self._whole(chunks):
                        yield events
            except PalimpsestError as error:
                yield error_event(error_body(error, request_id))
                return
            unless_ended.pop_all()
        process.upstream.let_go(response, arriving)

    async def _whole(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            for piece in self._inlet.feed(chunk):
                if ready := self._inlet.release(piece):
                    yield ready
            if self._reader.is_over:
                break
        yield self._inlet.close()
