"""Builds what calls the provider."""

from palimpsest.forwarding.attempt import Wire
from palimpsest.forwarding.calls import UpstreamCalls
from palimpsest.forwarding.recovery import Recovery
from palimpsest.forwarding.retry import RetryLimits
from palimpsest.runtime.parts import Forwarding, Foundation


def build_forwarding(base: Foundation, *, for_edges: bool) -> Forwarding:
    """``for_edges``: this process calls for edges that do not."""
    settings, stores = base.settings, base.stores
    wire = Wire(
        upstream=base.upstream,
        callers=base.callers,
        store=stores.requests,
        journal=stores.journal,
        spill=stores.spill,
        metrics=base.metrics,
        limits=RetryLimits(settings.retry_attempts, settings.retry_total),
        idle_timeout=settings.idle_timeout,
    )
    recovery = Recovery(
        base.exchanges, stores.requests, stores.vault, base.metrics, for_edges=for_edges
    )
    publisher = base.link.publisher if base.link and for_edges else None
    calls = UpstreamCalls(base.exchanges, recovery, wire, base.heart, stores.epochs, publisher)
    return Forwarding(wire, recovery, calls)
