"""The settings both embedded Temporal servers share (REFERENCE §5)."""

DYNAMIC_CONFIG: dict[str, int | bool] = {
    "history.transferProcessorMaxPollRPS": 2000,
    "history.timerProcessorMaxPollRPS": 2000,
    "history.visibilityProcessorMaxPollRPS": 2000,
    "system.enableActivityEagerExecution": True,
    "system.enableEagerWorkflowStart": True,
    "matching.numTaskqueueReadPartitions": 1,
    "matching.numTaskqueueWritePartitions": 1,
    "frontend.rps": 20000,
    "frontend.namespaceRPS": 20000,
    "frontend.namespaceRPS.visibility": 1000,
}
"""Throughput on few shards: without the first, each hop through matching waits up to 50 ms."""

GO_MEMORY = {"GOGC": "800", "GOMEMLIMIT": "1GiB"}
"""Collecting garbage is a quarter of the server's work with Go's default."""
