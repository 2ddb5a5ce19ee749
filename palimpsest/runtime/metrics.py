"""Prometheus metrics, in the words of OpenTelemetry's GenAI conventions where those exist."""

import re
from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Summary,
    generate_latest,
)

from palimpsest.forwarding.model import Settlement

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576)

_MOST_MODELS = 100
_MODEL = re.compile(r"[\w.:/@+-]{1,80}", re.ASCII)
"""A name that is no model's stays out: of any length, it would stay for as long as the process."""

_MISMATCHES = frozenset(
    f"{bound}_binding_mismatch" for bound in ("prefix", "model", "organization", "end_user")
)

TARGETS = {
    "query": (2.0, 5.0),
    "rewrite": (0.1, 0.5),
    "forward_overhead": (0.5, None),
    "total": (3.0, 10.0),
}
"""Seconds each phase should take, and from where it is critical."""


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self, in_flight: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._models: set[str] = set()
        self.phase = self._histogram(
            "palimpsest_phase_duration_seconds", "Time of each phase of a request", ["phase"]
        )
        target = self._gauge(
            "palimpsest_phase_target_seconds", "What each phase should take", ["phase", "level"]
        )
        for phase, levels in TARGETS.items():
            for level, seconds in zip(("target", "critical"), levels, strict=True):
                if seconds is not None:
                    target.labels(phase, level).set(seconds)
        self.first_byte = self._histogram(
            "gen_ai_server_time_to_first_token_seconds",
            "From the whole request to the first byte of its answer",
            ["gen_ai_request_model"],
        )
        self.duration = self._histogram(
            "gen_ai_client_operation_duration_seconds",
            "From the whole request to the end of its answer",
            ["gen_ai_request_model", "outcome"],
        )
        self.tokens = Histogram(
            "gen_ai_client_token_usage",
            "Tokens of a request",
            ["gen_ai_request_model", "gen_ai_token_type"],
            buckets=_TOKENS,
            registry=self._registry,
        )
        self.outcomes = self._counter(
            "palimpsest_requests_settled", "Requests ended, by outcome", ["outcome"]
        )
        self.wire_calls = self._counter("palimpsest_wire_calls", "Calls upstream, retries included")
        self.refused = self._counter(
            "palimpsest_requests_refused", "Requests answered by an error of our own", ["status"]
        )
        self.unmanaged = self._counter(
            "palimpsest_requests_unmanaged", "Requests passed through without a workflow", ["why"]
        )
        self.coalesced = self._counter(
            "palimpsest_requests_coalesced", "Re-sends that joined a request under way"
        )
        self.reattached = self._counter(
            "palimpsest_streams_reattached", "Re-sends that were given a recorded answer"
        )
        self.recovered = self._counter(
            "palimpsest_recoveries", "Requests carried on after their process died"
        )
        self.degraded = self._counter(
            "palimpsest_requests_degraded", "Requests that went on without a phase", ["phase"]
        )
        self.epochs = self._counter(
            "palimpsest_epochs", "Epochs of conversations that began, by cause", ["cause"]
        )
        self.pruned = self._counter(
            "palimpsest_pruned_tokens", "Tokens that prompts were sent without, estimated"
        )
        self.summaries = self._counter(
            "palimpsest_summaries", "Summaries of what epochs cut", ["outcome"]
        )
        self.lookups = self._counter(
            "palimpsest_intelligence_lookups",
            "Searches for memories, by the index or from the cache",
            ["how"],
        )
        self.recalled = self._counter(
            "palimpsest_injected_tokens", "Tokens of memories that were injected"
        )
        self.stable = Summary(
            "palimpsest_prefix_stable_ratio",
            "Share of the messages with which a prompt still begins after deciding, in bytes",
            registry=self._registry,
        )
        self.thinking_dropped = self._counter(
            "palimpsest_thinking_blocks_dropped",
            "Thinking blocks that the provider reported as dropped",
            ["reason"],
        )
        self.index_behind = self._gauge(
            "palimpsest_index_behind_seconds",
            "Seconds since the vector index of this process had all memories",
        )
        self.index_failures = self._gauge(
            "palimpsest_index_failures", "Failed updates of this process's vector index"
        )
        self._gauge("palimpsest_requests_in_flight", "Requests under way").set_function(in_flight)
        self.waiting = self._gauge("palimpsest_requests_waiting", "Requests that wait to be begun")

    def settled(self, end: Settlement, asked_model: str, dropped: Iterable[str]) -> None:
        """Observe a request that has ended; ``dropped`` are the reasons for which the provider
        left out thinking blocks."""
        for reason in dropped:
            known = reason if reason in _MISMATCHES else "other"
            self.thinking_dropped.labels(known).inc()
        model = self._model(asked_model)
        self.outcomes.labels(end.outcome).inc()
        for phase, seconds in phases(end.times).items():
            self.phase.labels(phase).observe(seconds)
        if (first := end.times["first_byte_ms"]) is not None:
            self.first_byte.labels(model).observe(first / 1000)
        if (total := end.times["total_ms"]) is not None:
            self.duration.labels(model, end.outcome).observe(total / 1000)
        for kind in ("input", "output", "cache_read", "cache_write"):
            if (count := end.usage[f"{kind}_tokens"]) is not None:
                self.tokens.labels(model, kind).observe(count)

    def _model(self, name: str) -> str:
        """The model as a label: the names are the clients', so only the first many count, and
        only those of a model's length and letters."""
        room = len(self._models) < _MOST_MODELS
        if room and name not in self._models and _MODEL.fullmatch(name):
            self._models.add(name)
        return name if name in self._models else "other"

    def render(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)

    def _histogram(self, name: str, text: str, labels: list[str]) -> Histogram:
        return Histogram(name, text, labels, buckets=_SECONDS, registry=self._registry)

    def _counter(self, name: str, text: str, labels: list[str] | None = None) -> Counter:
        return Counter(name, text, labels or [], registry=self._registry)

    def _gauge(self, name: str, text: str, labels: list[str] | None = None) -> Gauge:
        return Gauge(name, text, labels or [], registry=self._registry)


def phases(times: dict[str, float | None]) -> dict[str, float]:
    """Seconds of each phase that was reached; the forward's overhead is what is ours of it."""
    seconds = {name: value / 1000 for name, value in times.items() if value is not None}
    found = {
        "accept": seconds.get("accept_ms"),
        "query": seconds.get("query_ms"),
        "rewrite": seconds.get("rewrite_ms"),
        "total": seconds.get("total_ms"),
    }
    if "overhead_ms" in seconds:
        before = sum(found[name] or 0 for name in ("accept", "query", "rewrite"))
        found["forward_overhead"] = max(0.0, seconds["overhead_ms"] - before)
    return {name: value for name, value in found.items() if value is not None}
