"""Palimpsest's ledger: context.rewriting over epochs kept in a dict."""

from harness.eval.strategies import Asked, Sent, Setting
from palimpsest.context.model import Epoch, Recall
from palimpsest.context.planner import Policy
from palimpsest.context.rewriting import Outcome, Situation, rewrite
from palimpsest.conversations.lineage import Hash, chain, root
from palimpsest.dialects.anthropic.cache_markers import cache_ttl
from palimpsest.dialects.anthropic.view import RequestView, parse

Book = dict[Hash, Epoch]

_ROOT = root("eval")


class Ledger:
    """``book`` holds the epochs by the chain hash that they are recorded under."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._policy = Policy()
        self._vain = 0
        self.book: Book = {}

    def send(self, asked: Asked) -> Sent:
        view = parse(asked.body(asked.messages))
        outcome = step(view, self.book, self._situation(view, asked.idle), self._policy)
        if outcome.vain or outcome.is_new:
            self._vain = outcome.tokens if outcome.vain else 0
        return Sent(outcome.messages, epoch=outcome.is_new)

    def _situation(self, view: RequestView, idle: float | None) -> Situation:
        info = self._setting.info
        ttl = cache_ttl(view)
        return Situation(info, self._setting.limit, info.ratio, idle, ttl, vain=self._vain)


def step(
    view: RequestView,
    book: Book,
    situation: Situation,
    policy: Policy,
    recall: Recall | None = None,
) -> Outcome:
    """One request: the deepest epoch of its chain applies, a new one is recorded. What was decided
    about this very request before takes the place of ``recall``."""
    hashes = chain(_ROOT, view.messages)
    recorded = next((book[name] for name in reversed(hashes) if name in book), None)
    if recorded and recorded.depth == len(hashes):
        recall = None
    outcome = rewrite(view, hashes, recorded, situation, policy, recall)
    if outcome.is_new and outcome.epoch:
        book.setdefault(outcome.epoch.chain, outcome.epoch)
    return outcome
