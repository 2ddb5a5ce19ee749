"""What is known that bears on a person's turn: looked for once, told within a budget."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from palimpsest.context.model import Epoch, Recall
from palimpsest.context.options import Treatment, remembers, treatment
from palimpsest.context.rewriting import replay
from palimpsest.context.speech import is_human_request
from palimpsest.context.turn import Turn, newest_turn
from palimpsest.conversations.session import AGENT_HEADER, SESSION_HEADER
from palimpsest.dialects.model import RequestView
from palimpsest.memory.injection import compose_injection, injection_budget
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
"""So many hits are looked at: as many as the budget holds, if each is so small."""

_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class InjectionOptions:
    """``usual`` is what headers may overrule; ``on``: something is recalled at all; ``budget`` in
    tokens, ``deadline`` in seconds;
    ``everywhere``: not only from the request's own project."""

    defaults: Treatment
    enabled: bool = True
    budget: int = 4_000
    deadline: float = 0.25
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What became of a look: `found`, `none`, or `degraded;<reason>`; ids, best first."""

    outcome: str
    memories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversationState:
    """Where the request stands: its conversation, project and lineage, and what it is sent by."""

    conversation: str
    project: str
    chain: Sequence[Hash]
    epoch: Epoch | None


class Injector:
    """Answers for a turn are kept for all requests of its tool loop, and never fail a request."""

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
        self, view: RequestView, headers: RawHeaders, standing: ConversationState
    ) -> LookupResult | None:
        """What is worth recalling for the request's newest turn of a person; None where nothing
        ever is. An opt-out is heard in any case."""
        if not remembers(headers):
            await self._opt_out(standing.conversation, value_of(headers, SESSION_HEADER) or "")
            return LookupResult("none")
        if not self._options.enabled:
            return None
        if treatment(headers, self._options.defaults).mode != "on":
            return LookupResult("none")
        if not is_human_request(view, agent=value_of(headers, AGENT_HEADER) is not None):
            return LookupResult("none")
        turn = await off_the_loop(len(view.messages[-1]), newest_turn, view)
        known = self._cached(standing.chain, turn)
        self._metrics.lookups.labels("cached" if known else "asked").inc()
        if known:
            return known
        looked = await self._search_in_time(turn, standing) if turn else LookupResult("none")
        if turn and not looked.outcome.startswith("degraded"):
            self._results.put(standing.chain[turn.position], looked)
        return looked

    async def inject(
        self,
        view: RequestView,
        ids: Sequence[str],
        conversation: str,
        *,
        ratio: float,
        epoch: Epoch | None,
    ) -> Recall | None:
        """The text block for the memories of these ids, best first, as far as they fit; None when
        none of them exists or fits. ``epoch``: what the history is sent by; ``ratio``: the model's
        tokens per estimated token."""
        turn = newest_turn(view)
        if turn is None:
            return None
        prompt = await off_the_loop(len(view.body), replay, view, epoch, ratio)
        standing = round(sum(recall.tokens for recall in _injections(epoch)) * ratio)
        budget = injection_budget(self._options.budget, prompt.tokens, standing)
        memories = await self._permission.filter_allowed(await self._memories.get(ids))
        told = await asyncio.to_thread(
            compose_injection,
            memories,
            view.dialect,
            conversation=conversation,
            now=datetime.now(UTC),
            budget=round(budget / ratio),
        )
        if told is None:
            return None
        return Recall(turn.position, told.block, told.tokens, told.memories, told.summary)

    async def count_use(self, recall: Recall) -> None:
        """It is on its way to the model."""
        self._metrics.recalled.inc(recall.tokens)
        try:
            await self._memories.used(recall.memories)
        except DatabaseUnavailable as error:
            _log.warning("a use is not counted", reason=str(error))

    def _cached(self, chain: Sequence[Hash], turn: Turn | None) -> LookupResult | None:
        """What was found for this turn before; for a request of its tool loop nothing is left to
        recall of it."""
        if turn is not None:
            return self._results.get(chain[turn.position])
        for name in reversed(chain[-_LOOKED_BACK:]):
            known = self._results.get(name)
            if known:
                return replace(known, memories=())
        return None

    async def _search_in_time(self, turn: Turn, standing: ConversationState) -> LookupResult:
        try:
            async with asyncio.timeout(self._options.deadline):
                return await self._search(turn, standing)
        except TimeoutError:
            return self._degraded("deadline passed")
        except PalimpsestError as error:
            _log.warning("a request goes on without what is known", reason=str(error))
            return self._degraded(type(error).__name__)
        except Exception:
            # Whatever is wrong with what is known, the request can do without it.
            _log.exception("a bug in recalling")
            return self._degraded("failed")

    async def _search(self, turn: Turn, standing: ConversationState) -> LookupResult:
        if not await self._permission.allows(standing.project, standing.conversation):
            return LookupResult("none")
        query = Query(
            text=turn.text,
            project="" if self._options.everywhere else standing.project,
            conversation=standing.conversation,
            everywhere=self._options.everywhere,
            limit=max(_LEAST_HITS, self._options.budget // _LEAST_TOKENS),
        )
        hits = await self._retriever.search(query, _presence_test(standing))
        gone = _reduced_positions(standing.epoch)
        shown = {name.hex() for at, name in enumerate(standing.chain) if at not in gone}
        told = {name for recall in _injections(standing.epoch) for name in recall.memories}
        ids = tuple(
            hit.memory.id
            for hit in hits
            if hit.memory.chain not in shown and hit.memory.id not in told
        )
        return LookupResult("found", ids) if ids else LookupResult("none")

    async def _opt_out(self, conversation: str, session: str) -> None:
        try:
            await self._permission.opt_out_conversation(conversation, session)
        except DatabaseUnavailable as error:
            _log.warning("an opt-out waits for the next request", reason=str(error))

    def _degraded(self, reason: str) -> LookupResult:
        self._metrics.degraded.labels("intelligence").inc()
        return LookupResult(f"degraded;{reason}")


def _presence_test(standing: ConversationState) -> Callable[[Match], bool]:
    """Whether what was found stands in the prompt as it is."""
    gone = _reduced_positions(standing.epoch)
    depth = len(standing.chain)

    def present(found: Match) -> bool:
        here = found.conversation == standing.conversation
        return here and 0 <= found.position < depth and found.position not in gone

    return present


def _reduced_positions(epoch: Epoch | None) -> set[int]:
    return epoch.reduced() if epoch else set()


def _injections(epoch: Epoch | None) -> Sequence[Recall]:
    return epoch.recalled if epoch else ()
