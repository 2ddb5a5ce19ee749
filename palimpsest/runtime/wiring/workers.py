"""Builds the workers of a process, its starter, and the activities that they run."""

from activities.close_request import CloseRequest
from activities.forward_upstream import ForwardUpstream
from activities.query_intelligence import QueryIntelligence
from activities.rewrite_context import RewriteContext
from activities.summarise_cut import SummariseCut
from palimpsest.forwarding.side_call import SideCalls
from palimpsest.memory.injector import Injector
from palimpsest.runtime.parts import Context, Forwarding, Foundation
from palimpsest.runtime.settings import Settings
from palimpsest.temporal.starter import Starter
from palimpsest.temporal.worker import Activity
from workflows.contracts import Deadlines

_ELSEWHERE_SECONDS = 3.0
"""Silence after which a call is made by another process; with the engine's own delays that is
under 5 s after a kill, and no sooner than the lease of the dead one is over."""


def build_starter(base: Foundation) -> Starter:
    """Where processes are linked, forwards go to the queue of those that call."""
    settings, linked = base.settings, base.link is not None
    return Starter(
        base.client,
        settings.task_queue,
        _deadlines(settings, linked=linked),
        settings.engine_timeout,
        attributes=base.attributes,
        egress_queue=egress_queue(settings) if linked else None,
    )


def _deadlines(settings: Settings, *, linked: bool) -> Deadlines:
    """A lookup of memories has its whole time, and does not cost that of the conversation."""
    usual = Deadlines()
    return Deadlines(
        query=usual.query + settings.intelligence_deadline,
        heartbeat=_ELSEWHERE_SECONDS if linked else usual.heartbeat,
    )


def build_calling_activities(
    base: Foundation, context: Context, forwarding: Forwarding
) -> list[Activity]:
    """The activities that call the provider."""
    activities: list[Activity] = [ForwardUpstream(forwarding.calls, base.upstream.name).run]
    if base.settings.summariser:
        summarise = SummariseCut(
            forwarding.recovery,
            context.epochs,
            context.rewriter,
            base.stores.summaries,
            SideCalls(base.upstream, base.metrics),
            base.metrics,
            model=base.settings.summariser,
            owner=base.owner,
        )
        activities.append(summarise.run)
    return activities


def build_local_activities(
    base: Foundation, context: Context, injector: Injector
) -> list[Activity]:
    """The activities that run beside their workflow."""
    exchanges, stores = base.exchanges, base.stores
    publisher = base.link.publisher if base.link else None
    query = QueryIntelligence(
        exchanges,
        stores.requests,
        context.lookup,
        stores.conversations,
        stores.epochs,
        injector,
    )
    rewrite = RewriteContext(
        exchanges,
        stores.requests,
        context.epochs,
        context.rewriter,
        base.metrics,
        context.unchanged,
        injector,
    )
    close = CloseRequest(exchanges, stores.requests, base.metrics, publisher)
    return [query.run, rewrite.run, close.run]


def egress_queue(settings: Settings) -> str:
    """The task queue of the processes that call for edges."""
    return f"{settings.task_queue}-egress"
