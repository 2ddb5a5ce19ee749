"""Builds what takes clients in and sees to their answers."""

from palimpsest.exchanges.acceptance import Acceptance
from palimpsest.exchanges.disconnects import Deliveries, Disconnects
from palimpsest.exchanges.end_poller import EndPoller
from palimpsest.exchanges.idempotency import Coalesce, Idempotency
from palimpsest.runtime.parts import Context, Edge, Foundation
from palimpsest.temporal.starter import Starter


def build_edge(base: Foundation, context: Context, starter: Starter) -> Edge:
    settings, requests = base.settings, base.stores.requests
    subscriber = base.link.subscriber if base.link else None
    stopper = base.link.stop_channel if base.link else None
    deliveries = Deliveries(requests, base.owner, settings.client_gone_grace)
    disconnects = Disconnects(
        base.exchanges, requests, deliveries, base.owner, settings.client_gone_grace, stopper
    )
    idempotency = Idempotency(
        base.exchanges,
        requests,
        deliveries,
        base.stores.vault,
        starter,
        base.metrics,
        coalesce=Coalesce(settings.coalesce),
        owner=base.owner,
        source=subscriber,
    )
    acceptance = Acceptance(
        base.exchanges,
        requests,
        idempotency,
        context.lookup,
        starter,
        disconnects,
        base.callers,
        timeout=settings.engine_timeout,
        data_dir=settings.data_dir,
        source=subscriber,
    )
    poller = EndPoller(requests, starter, subscriber)
    return Edge(acceptance, idempotency, deliveries, disconnects, poller)
