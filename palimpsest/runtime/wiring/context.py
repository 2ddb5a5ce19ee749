"""Builds what finds conversations and decides what the model sees of them."""

from palimpsest.context.options import Treatment, capped
from palimpsest.context.planner import Policy
from palimpsest.conversations.epoch_lookup import PastReader
from palimpsest.conversations.lookup import ConversationLookup
from palimpsest.conversations.rewriter import ContextRules, Decider
from palimpsest.conversations.summaries import Summaries
from palimpsest.conversations.unchanged import Unrewritten
from palimpsest.gateway.model import TENANT
from palimpsest.runtime.parts import Context, Foundation
from palimpsest.runtime.settings import Settings


def build_context(base: Foundation) -> Context:
    stores = base.stores
    unchanged = Unrewritten(TENANT)
    lookup = ConversationLookup(stores.conversations)
    base.exchanges.on_forget(lookup.discard)
    summaries = Summaries(stores.summaries) if base.settings.summariser else None
    return Context(
        lookup=lookup,
        epochs=PastReader(stores.conversations, stores.epochs, unchanged),
        unchanged=unchanged,
        rewriter=Decider(_rules(base.settings), stores.epochs, base.metrics, summaries),
    )


def _rules(settings: Settings) -> ContextRules:
    return ContextRules(
        Treatment(settings.context, capped(settings.context_cap)),
        Policy(
            keep=settings.context_keep,
            target=settings.context_target,
            thrift=settings.context_thrift,
        ),
        settings.context_window,
        settings.thinking_escape,
    )
