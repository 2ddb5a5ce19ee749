"""Rewrites a request: recorded decisions are carried out, new ones planned and recorded."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TypeVar

import structlog

from palimpsest.context.budget import Budget, budget, token_ratio
from palimpsest.context.model import (
    Cause,
    Epoch,
    EpochMode,
    Injection,
)
from palimpsest.context.options import ContextMode, ContextOptions, read_options
from palimpsest.context.planner import Policy
from palimpsest.context.render import apply_epoch
from palimpsest.context.rewriting import (
    Conditions,
    RewriteOutcome,
    replay,
    rewrite,
)
from palimpsest.conversations.lookup import RecordedEpochs
from palimpsest.conversations.summaries import EpochSummaries
from palimpsest.dialects.model import RequestView
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.lru import Memo
from palimpsest.runtime.metrics import Metrics
from palimpsest.runtime.offload import LOOP_BYTES
from palimpsest.store.postgres.epochs import EpochStore
from workflows.contracts import RewriteContextInput

_log = structlog.stdlib.get_logger()

# A plan for a huge body takes seconds and outlives its deadline. With threads of its own it keeps
# no other work waiting, and one that has not begun by its deadline is dropped.
_THREADS = 2
_INLINE_BYTES = 4 * 1024
"""What may be new of a body that is counted on the event loop: a few milliseconds of work."""
_SECOND_CHANCE = 3
"""So many times the deadline has a conversation whose last plan came too late, since without a new
epoch it would come to the end of its window; well within what the whole phase may take."""
_REMEMBERED = 256
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ContextRules:
    """What the settings say about rewriting.

    defaults: the options that headers may overrule
    policy: how an epoch prunes
    window: tokens, in place of the model table's
    escape: thinking that is bound to what was changed is left to the API
    """

    defaults: ContextOptions
    policy: Policy
    window: int | None = None
    escape: bool = False


@dataclass(frozen=True, slots=True)
class Rewrite:
    """How one request is rewritten.

    mode: the context mode that applies to it
    budget: the most tokens its prompt may have
    epoch: what the request is sent by; None: as it came
    sent: the outcome of that; None when its size was not known in time
    observed: the outcome of what was planned and not applied
    observed_epoch: the epoch that later requests go on from, where that is only observed
    summarise: nothing was decided, since a new epoch waits for a summary of its cut
    """

    mode: ContextMode
    budget: Budget
    epoch: Epoch | None
    sent: RewriteOutcome | None
    observed: RewriteOutcome | None = None
    observed_epoch: Epoch | None = None
    summarise: bool = False


class ContextRewriter:
    """Rewrites requests; plans in threads of its own. ``summaries``: new epochs get one."""

    def __init__(
        self,
        rules: ContextRules,
        epochs: EpochStore,
        metrics: Metrics,
        summaries: EpochSummaries | None = None,
    ) -> None:
        self._rules = rules
        self._epochs = epochs
        self._metrics = metrics
        self._summaries = summaries
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="planning")
        self._counted: Memo[str, int] = Memo(_REMEMBERED)
        self._late: Memo[str, bool] = Memo(_REMEMBERED)
        self._vain: Memo[str, int] = Memo(_REMEMBERED)

    async def rewrite(
        self,
        view: RequestView,
        headers: RawHeaders,
        asked: RewriteContextInput,
        past: RecordedEpochs,
        injection: Injection | None = None,
    ) -> Rewrite:
        """New decisions only where the conversation is known, and never observed ones about what
        is rewritten already. Raises DatabaseUnavailable when they cannot be recorded."""
        options = read_options(headers, self._rules.defaults)
        limits, now = self._conditions(view, headers, asked, options)
        known = asked.known is not None and past.certain
        observing = options.mode is ContextMode.OBSERVE and past.applied is None
        if known and options.mode is ContextMode.ON:
            planned = await self._plan(view, past, past.applied, now, asked, injection)
            if planned and _prunes(planned) and self._summaries:
                summarised = await self._summaries.add_summary(view, planned, now)
                if summarised is None and asked.may_summarise:
                    return Rewrite(options.mode, limits, past.applied, None, summarise=True)
                planned = summarised or planned
            sent = await self._record(view, past.applied, planned, "on", now, asked)
            return Rewrite(options.mode, limits, sent.epoch if sent else past.applied, sent)
        observed = None
        if known and observing:
            planned = await self._plan(view, past, past.observed, now, asked)
            observed = await self._record(view, past.observed, planned, "observe", now, asked)
        sent = await self._in_time(
            view, asked, asked.plan_deadline, lambda: replay(view, past.applied, now.ratio)
        )
        observed_epoch = observed.epoch if observed else past.observed
        return Rewrite(options.mode, limits, past.applied, sent, observed, observed_epoch)

    async def plan(
        self,
        view: RequestView,
        headers: RawHeaders,
        asked: RewriteContextInput,
        past: RecordedEpochs,
    ) -> Epoch | None:
        """The epoch that this request is about to begin, not recorded."""
        options = read_options(headers, self._rules.defaults)
        _, now = self._conditions(view, headers, asked, options)
        if asked.known is None or not past.certain or options.mode is not ContextMode.ON:
            return None
        outcome = await self._plan(view, past, past.applied, now, asked)
        return outcome.epoch if outcome and _prunes(outcome) else None

    def _conditions(
        self,
        view: RequestView,
        headers: RawHeaders,
        asked: RewriteContextInput,
        options: ContextOptions,
    ) -> tuple[Budget, Conditions]:
        dialect = view.dialect
        info = dialect.model(view.model, headers)
        limits = budget(info, view.max_tokens, window_override=self._rules.window, cap=options.cap)
        wanted = self._rules.escape and dialect.can_ask_to_drop(view)
        return limits, Conditions(
            info=info,
            limit=limits.limit,
            ratio=token_ratio(info, asked.token_ratio),
            idle=asked.known.idle if asked.known else None,
            ttl=dialect.cache_ttl(view),
            escape=wanted or dialect.asks_to_drop(view),
        )

    async def _plan(
        self,
        view: RequestView,
        past: RecordedEpochs,
        recorded: Epoch | None,
        now: Conditions,
        asked: RewriteContextInput,
        injection: Injection | None = None,
    ) -> RewriteOutcome | None:
        """The outcome with a new epoch if one is due; None when it came too late."""
        conversation = _conversation(asked)
        chance = _SECOND_CHANCE if self._late.get(conversation) else 1
        now = replace(now, vain=self._vain.get(conversation) or 0)
        outcome = await self._in_time(
            view,
            asked,
            asked.plan_deadline * chance,
            lambda: rewrite(view, past.chain, recorded, now, self._rules.policy, injection),
        )
        self._late.put(conversation, outcome is None)
        if outcome and (outcome.vain or _prunes(outcome)):
            self._vain.put(conversation, outcome.tokens if outcome.vain else 0)
        return outcome

    async def _record(
        self,
        view: RequestView,
        recorded: Epoch | None,
        outcome: RewriteOutcome | None,
        kind: EpochMode,
        now: Conditions,
        asked: RewriteContextInput,
    ) -> RewriteOutcome | None:
        """The outcome with its new epoch recorded, if it has one."""
        if kind == "on" and outcome and not outcome.is_new:
            self._metrics.stable.observe(1)
        if outcome is None or not outcome.is_new or outcome.epoch is None:
            return outcome
        epoch = await self._epochs.record(
            outcome.epoch, kind, _conversation(asked), asked.request_id
        )
        if epoch != outcome.epoch:
            # Another request of this history was first.
            return await asyncio.to_thread(replay, view, epoch, now.ratio)
        if kind == "on":
            self._metrics.epochs.labels(epoch.cause.value).inc()
            self._metrics.stable.observe(_kept(apply_epoch(view, recorded), outcome.messages))
        return outcome

    async def _in_time(
        self,
        view: RequestView,
        asked: RewriteContextInput,
        deadline: float,
        work: Callable[[], T],
    ) -> T | None:
        """None when the deadline passed, or a bug kept it from being done, which only costs new
        decisions; late work goes on in its thread, and the next turn has what it learned."""
        size, conversation = len(view.body), _conversation(asked)
        inline = (
            view.weight <= LOOP_BYTES
            and size - (self._counted.get(conversation) or 0) <= _INLINE_BYTES
        )
        try:
            if inline:
                result = work()
            else:
                loop = asyncio.get_running_loop()
                async with asyncio.timeout(deadline):
                    result = await loop.run_in_executor(self._threads, work)
        except TimeoutError:
            return None
        except Exception:
            _log.exception("a bug")
            return None
        if conversation:
            self._counted.put(conversation, size)
        return result


def _prunes(outcome: RewriteOutcome) -> bool:
    """Whether the outcome has a new epoch that does more than inject."""
    return outcome.is_new and bool(outcome.epoch and outcome.epoch.cause is not Cause.INJECTION)


def _conversation(asked: RewriteContextInput) -> str:
    return (asked.known.conversation_id if asked.known else None) or ""


def _kept(before: Sequence[bytes], now: Sequence[bytes]) -> float:
    """The share, in bytes, of what would have been sent that is the beginning of what is."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False))
    return sum(len(message) for message, _ in same) / sum(map(len, before))
