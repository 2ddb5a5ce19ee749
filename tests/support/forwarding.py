"""A process of its own that forwards: what another one would do with a request."""

from temporalio.testing import ActivityEnvironment

from activities.forward_upstream import ForwardUpstream
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.forwarding.attempt import Wire
from palimpsest.forwarding.calls import UpstreamCalls
from palimpsest.forwarding.recovery import Recovery
from palimpsest.forwarding.retry import RetryLimits
from palimpsest.runtime.heartbeat import Heartbeat
from palimpsest.runtime.parts import Process
from workflows.contracts import ForwardUpstreamInput, ForwardUpstreamResult


async def forward_elsewhere(
    process: Process, exchanges: ExchangeRegistry, forward: ForwardUpstreamInput
) -> ForwardUpstreamResult:
    """The activity's result on the stores of ``process``, with exchanges and a name of its own."""
    stores = process.stores
    wire = Wire(
        upstream=process.upstream,
        callers=process.context.callers,
        store=stores.requests,
        journal=stores.journal,
        spill=stores.spill,
        metrics=process.metrics,
        limits=RetryLimits(1, 1),
        idle_timeout=1,
    )
    recovery = Recovery(exchanges, stores.requests, stores.vault, process.metrics)
    heart = Heartbeat(stores.database, "another")
    calls = UpstreamCalls(exchanges, recovery, wire, heart, stores.epochs)
    return await ActivityEnvironment().run(ForwardUpstream(calls, "provider").run, forward)
