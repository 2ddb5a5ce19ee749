"""Finds memories that bear on a person's turn, and injects them within a budget."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from palimpsest.context.model import Epoch, Injection
from palimpsest.context.options import ContextOptions, allows_memory, read_options
from palimpsest.context.rewriting import replay
from palimpsest.context.speech import Turn, is_human_request, newest_turn
from palimpsest.conversations.lineage import AGENT_HEADER, SESSION_HEADER
from palimpsest.dialects.model import RequestView
from palimpsest.memory.injection import compose_injection, injection_budget
from palimpsest.memory.model import LookupOutcome
from palimpsest.memory.permission import Permission
from palimpsest.memory.query import Query
from palimpsest.memory.retrieval import Retriever
from palimpsest.providers.headers import RawHeaders, value_of
from palimpsest.runtime.errors import DatabaseUnavailable, PalimpsestError
from palimpsest.runtime.hash_chain import Hash
from palimpsest.runtime.lru import Memo
from palimpsest.runtime.metrics import Metrics
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.vectors.model import Match

_REMEMBERED = 8_192
_LOOKED_BACK = 2_000
_LEAST_HITS, _LEAST_TOKENS = 16, 250
"""As many hits are searched as the budget holds of ``_LEAST_TOKENS`` each, and at least so many."""

_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class InjectionOptions:
    """The settings of injection.

    ``defaults``: the context options that headers may overrule.
    ``enabled``: memories are injected at all.
    ``budget``: tokens of one injection.
    ``deadline``: seconds that a search may take.
    ``everywhere``: memories of other projects are searched too.
    """

    defaults: ContextOptions
    enabled: bool = True
    budget: int = 4_000
    deadline: float = 0.25
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class LookupResult:
    """The result of a search for one turn.

    ``memories``: ids, best first.
    ``reason``: why the search is degraded; empty otherwise.
    """

    outcome: LookupOutcome
    memories: tuple[str, ...] = ()
    reason: str = ""

    @property
    def status(self) -> str:
        """The outcome as records and clients get it: `found`, `none` or `degraded;<reason>`."""
        return f"{self.outcome};{self.reason}" if self.reason else self.outcome


_NOTHING = LookupResult(LookupOutcome.NONE)


@dataclass(frozen=True, slots=True)
class ConversationState:
    """The conversation of a request, as it is now.

    ``conversation``: its id.
    ``project``: the client's working directory.
    ``caller``: whose it is.
    ``chain``: the lineage hash through each message; ``history``: the same without its origin.
    ``epoch``: what the history is sent by; None: unchanged.
    """

    conversation: str
    project: str
    caller: str
    chain: Sequence[Hash]
    history: Sequence[Hash]
    epoch: Epoch | None


class Injector:
    """Finds and injects the memories of one tenant. The result for a turn is cached for all
    requests of its tool loop, and no failure here fails a request."""

    def __init__(
        self,
        retriever: Retriever,
        memories: MemoryStore,
        permission: Permission,
        rules: InjectionOptions,
        metrics: Metrics,
    ) -> None:
        self._retriever = retriever
        self._memories = memories
        self._permission = permission
        self._options = rules
        self._metrics = metrics
        self._results: Memo[Hash, LookupResult] = Memo(_REMEMBERED)

    async def find(
        self, view: RequestView, headers: RawHeaders, state: ConversationState
    ) -> LookupResult | None:
        """Finds memories for the newest turn of a person; None where injection is off. Records an
        opt-out in the headers in any case."""
        if not allows_memory(headers):
            await self._opt_out(state.conversation, value_of(headers, SESSION_HEADER) or "")
            return _NOTHING
        if not self._options.enabled:
            return None
        if read_options(headers, self._options.defaults).mode != "on":
            return _NOTHING
        if not is_human_request(view, agent=value_of(headers, AGENT_HEADER) is not None):
            return _NOTHING
        turn = await off_the_loop(view.weight, newest_turn, view)
        cached = self._cached(state.chain, turn)
        self._metrics.lookups.labels("cached" if cached else "asked").inc()
        if cached:
            return cached
        result = await self._search_in_time(turn, state) if turn else _NOTHING
        if turn and result.outcome is not LookupOutcome.DEGRADED:
            self._results.put(state.chain[turn.position], result)
        return result

    async def inject(
        self,
        view: RequestView,
        ids: Sequence[str],
        conversation: str,
        caller: str,
        *,
        ratio: float,
        epoch: Epoch | None,
    ) -> Injection | None:
        """The text block for the memories of these ids, best first, as far as they fit; None when
        none of them exists or fits. ``epoch``: what the history is sent by; ``ratio``: the model's
        tokens per estimated token."""
        turn = await off_the_loop(view.weight, newest_turn, view)
        if turn is None:
            return None
        prompt = await off_the_loop(view.weight, replay, view, epoch, ratio)
        injected = round(sum(recall.tokens for recall in _injections(epoch)) * ratio)
        budget = injection_budget(self._options.budget, prompt.tokens, injected)
        memories = await self._permission.filter_allowed(await self._memories.get(ids, caller))
        text = await asyncio.to_thread(
            compose_injection,
            memories,
            view.dialect,
            conversation=conversation,
            now=datetime.now(UTC),
            budget=round(budget / ratio),
        )
        if text is None:
            return None
        return Injection(turn.position, text.block, text.tokens, text.memories, text.summary)

    async def count_use(self, recall: Injection) -> None:
        """Counts an injection that is on its way to the model, and the use of its memories."""
        self._metrics.recalled.inc(recall.tokens)
        try:
            await self._memories.record_use(recall.memories)
        except DatabaseUnavailable as error:
            _log.warning("a use is not counted", reason=str(error))

    def _cached(self, chain: Sequence[Hash], turn: Turn | None) -> LookupResult | None:
        """The cached result for this turn. A request of the turn's tool loop gets it without
        memories, since they were injected before."""
        if turn is not None:
            return self._results.get(chain[turn.position])
        for name in reversed(chain[-_LOOKED_BACK:]):
            known = self._results.get(name)
            if known:
                return replace(known, memories=())
        return None

    async def _search_in_time(self, turn: Turn, state: ConversationState) -> LookupResult:
        try:
            async with asyncio.timeout(self._options.deadline):
                return await self._search(turn, state)
        except TimeoutError:
            return self._degraded("deadline passed")
        except PalimpsestError as error:
            _log.warning("a request goes on without memories", reason=str(error))
            return self._degraded(type(error).__name__)
        except Exception:
            # Whatever is wrong with the memories, the request can do without them.
            _log.exception("a bug in the search for memories")
            return self._degraded("failed")

    async def _search(self, turn: Turn, state: ConversationState) -> LookupResult:
        if not await self._permission.allows(state.project, state.conversation):
            return _NOTHING
        query = Query(
            text=turn.text,
            project="" if self._options.everywhere else state.project,
            conversation=state.conversation,
            caller=state.caller,
            everywhere=self._options.everywhere,
            limit=max(_LEAST_HITS, self._options.budget // _LEAST_TOKENS),
        )
        hits = await self._retriever.search(query, _presence_test(state))
        gone = _reduced_positions(state.epoch)
        shown = {name.hex() for at, name in enumerate(state.history) if at not in gone}
        injected = {name for recall in _injections(state.epoch) for name in recall.memories}
        ids = tuple(
            hit.memory.id
            for hit in hits
            if hit.memory.chain not in shown and hit.memory.id not in injected
        )
        return LookupResult(LookupOutcome.FOUND, ids) if ids else _NOTHING

    async def _opt_out(self, conversation: str, session: str) -> None:
        try:
            await self._permission.opt_out_conversation(conversation, session)
        except DatabaseUnavailable as error:
            _log.warning("an opt-out waits for the next request", reason=str(error))

    def _degraded(self, reason: str) -> LookupResult:
        self._metrics.degraded.labels("intelligence").inc()
        return LookupResult(LookupOutcome.DEGRADED, reason=reason)


def _presence_test(state: ConversationState) -> Callable[[Match], bool]:
    """A test whether the prompt holds what was found, unreduced."""
    gone = _reduced_positions(state.epoch)
    depth = len(state.chain)

    def present(found: Match) -> bool:
        here = found.conversation == state.conversation
        return here and 0 <= found.position < depth and found.position not in gone

    return present


def _reduced_positions(epoch: Epoch | None) -> set[int]:
    return epoch.reduced() if epoch else set()


def _injections(epoch: Epoch | None) -> Sequence[Injection]:
    return epoch.injections if epoch else ()
