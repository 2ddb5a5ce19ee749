"""Builds what finds conversations and decides what the model sees of them."""

from palimpsest.context.model import ContextMode
from palimpsest.context.options import ContextOptions, parse_cap
from palimpsest.context.planner import Policy
from palimpsest.conversations.lookup import ConversationLookup, EpochLookup
from palimpsest.conversations.rewriter import ContextRewriter, ContextRules
from palimpsest.conversations.summaries import EpochSummaries
from palimpsest.conversations.unchanged import UnchangedConversations
from palimpsest.runtime.parts import Context, Foundation
from palimpsest.runtime.settings import Settings


def build_context(base: Foundation) -> Context:
    stores = base.stores
    unchanged = UnchangedConversations()
    lookup = ConversationLookup(stores.conversations)
    base.exchanges.on_forget(lookup.discard)
    summaries = EpochSummaries(stores.summaries) if base.settings.summariser else None
    return Context(
        callers=base.callers,
        lookup=lookup,
        epochs=EpochLookup(stores.conversations, stores.epochs, unchanged),
        unchanged=unchanged,
        rewriter=ContextRewriter(_rules(base.settings), stores.epochs, base.metrics, summaries),
    )


def _rules(settings: Settings) -> ContextRules:
    return ContextRules(
        ContextOptions(ContextMode(settings.context), parse_cap(settings.context_cap)),
        Policy(
            keep=settings.context_keep,
            target=settings.context_target,
            thrift=settings.context_thrift,
        ),
        settings.context_window,
        settings.thinking_escape,
    )
