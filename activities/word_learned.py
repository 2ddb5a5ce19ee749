"""Have a model word the fixes that two conversations confirmed. Without it they stay as the rules
worded them."""

import asyncio

import structlog
from temporalio import activity

from palimpsest.exchanges.model import Outcome
from palimpsest.forwarding.model import AttemptEnd, Lease
from palimpsest.forwarding.side_call import SideAnswer, SideCalls, end_of_failed
from palimpsest.learning.wording import (
    add_wording,
    estimate_tokens,
    needs_wording,
    wording_request,
)
from palimpsest.memory.model import Fix, Memory
from palimpsest.memory.secrets import redact
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.errors import PalimpsestError
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.wordings import WordingStore
from workflows.contracts import WORD_LEARNED, WordLearnedInput, WordLearnedResult

_TARGET = b"/v1/messages"

_log = structlog.stdlib.get_logger()


def credentials(key: str) -> RawHeaders:
    """The headers of the distiller's own calls."""
    return (
        (b"x-api-key", key.encode()),
        (b"anthropic-version", b"2023-06-01"),
        (b"content-type", b"application/json"),
    )


class WordLearned:
    """The activity.

    ``model``: which model words, called with ``headers``.
    ``most``: tokens that may be spent in a day.
    ``owner``: the process that calls.
    """

    def __init__(
        self,
        memories: MemoryStore,
        wordings: WordingStore,
        calls: SideCalls,
        *,
        model: str,
        headers: RawHeaders,
        most: int,
        owner: str,
    ) -> None:
        self._memories = memories
        self._wordings = wordings
        self._calls = calls
        self._model = model
        self._headers = headers
        self._most = most
        self._owner = owner

    @activity.defn(name=WORD_LEARNED)
    async def run(self, given: WordLearnedInput) -> WordLearnedResult:
        done = 0
        try:
            for memory in await self._memories.get(given.memories):
                if isinstance(memory.detail, Fix) and needs_wording(memory):
                    done += await self._word(given.request_id, memory, memory.detail)
        except PalimpsestError as error:
            _log.warning("what was learned is not worded", reason=str(error))
            raise
        return WordLearnedResult(done)

    async def _word(self, request_id: str, memory: Memory, fix: Fix) -> bool:
        """False where the budget is spent."""
        content = wording_request(fix, self._model)
        number = await self._wordings.begin_call(
            request_id, self._owner, estimate_tokens(content), self._most
        )
        if number is None:
            return False
        said = await self._ask(request_id, content, Lease(number, 0))
        changed = add_wording(fix, redact(said.text))
        if changed != fix:
            text = memory.text + changed.remedy.removeprefix(fix.remedy)
            await self._memories.edit(memory.id, text=text, detail=changed)
        return True

    async def _ask(self, request_id: str, content: bytes, lease: Lease) -> SideAnswer:
        try:
            said = await self._calls.ask(_TARGET, self._headers, content)
        except (PalimpsestError, asyncio.CancelledError) as error:
            await self._wordings.close_call(request_id, end_of_failed(lease, error, content))
            raise
        end = AttemptEnd(lease, Outcome.ANSWERED, said.status, said.size, usage=said.usage)
        await self._wordings.close_call(request_id, end)
        return said
