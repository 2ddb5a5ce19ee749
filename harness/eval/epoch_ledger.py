"""Palimpsest's own strategy: palimpsest.context.rewriting over a ledger of epochs in a dict."""

from harness.eval.strategies import ClientRequest, StrategyContext, UpstreamRequest
from palimpsest.context.model import Epoch, Injection
from palimpsest.context.planner import Policy
from palimpsest.context.rewriting import Conditions, RewriteOutcome, rewrite
from palimpsest.conversations.lineage import (
    chain,
    root,
)
from palimpsest.dialects.anthropic.body import cache_ttl
from palimpsest.dialects.anthropic.dialect import DIALECT, parse
from palimpsest.dialects.model import RequestView
from palimpsest.runtime.hash_chain import Hash

EpochBook = dict[Hash, Epoch]

_ROOT = root("eval")


class Ledger:
    """``book`` holds the epochs by the chain hash that they are recorded under."""

    def __init__(self, context: StrategyContext) -> None:
        self._context = context
        self._policy = Policy()
        self._vain = 0
        self.book: EpochBook = {}

    def send(self, request: ClientRequest) -> UpstreamRequest:
        view = parse(request.body(request.messages))
        outcome = rewrite_request(
            view, self.book, self._situation(view, request.idle), self._policy
        )
        if outcome.vain or outcome.is_new:
            self._vain = outcome.tokens if outcome.vain else 0
        return UpstreamRequest(outcome.messages, epoch=outcome.is_new)

    def _situation(self, view: RequestView, idle: float | None) -> Conditions:
        info = self._context.info
        ttl = cache_ttl(view)
        return Conditions(info, self._context.limit, info.ratio, idle, ttl, vain=self._vain)


def rewrite_request(
    view: RequestView,
    book: EpochBook,
    situation: Conditions,
    policy: Policy,
    recall: Injection | None = None,
) -> RewriteOutcome:
    """One request: the deepest epoch of its chain applies, a new one is recorded. What was decided
    about this very request before takes the place of ``recall``."""
    hashes = chain(_ROOT, view.messages, DIALECT)
    recorded = next((book[name] for name in reversed(hashes) if name in book), None)
    if recorded and recorded.depth == len(hashes):
        recall = None
    outcome = rewrite(view, hashes, recorded, situation, policy, recall)
    if outcome.is_new and outcome.epoch:
        book.setdefault(outcome.epoch.chain, outcome.epoch)
    return outcome
