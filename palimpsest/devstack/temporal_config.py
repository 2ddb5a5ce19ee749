"""The settings that both embedded Temporal servers share."""

DYNAMIC_CONFIG: dict[str, int | bool | list[str]] = {
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
    "history.cacheSizeBasedLimit": True,
    "history.hostLevelCacheMaxSizeBytes": 128 * 1024 * 1024,
    "frontend.httpAllowedHosts": ["closed.invalid"],
    "system.enableNexus": False,
}
"""Throughput on few shards: without the first, each hop through matching waits up to 50 ms. Memory:
the cache of workflows keeps 128,000 for an hour by default, far beyond a laptop's. The last two
close the HTTP API, which we do not use and any web page could."""

GO_MEMORY = {"GOGC": "800", "GOMEMLIMIT": "512MiB"}
"""Collecting garbage is a quarter of the server's work with Go's default."""
