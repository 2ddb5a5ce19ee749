"""What a strategy's requests cost and how stable they are, request by request."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec

from harness.eval.profiles import simulated
from harness.eval.sized_message import SizedMessage, size_message
from harness.simulator import rules_cache
from harness.simulator.cache import Piece, PromptCache
from harness.simulator.canonical import block_digest
from harness.simulator.shape import blocks
from palimpsest.context.economics import READ, WRITE_1H, WRITE_5M
from palimpsest.dialects.model import ModelInfo

_KEY = "eval"


class Meter:
    """``billed`` in tokens; ``stable`` are the shares of the previous request, by the length of
    its blocks' JSON, that the next one begins with; ``breaks`` counts those below 1."""

    def __init__(self, frame: dict[str, Any], info: ModelInfo, system: int) -> None:
        self._model, self._info, self._system = simulated(str(frame["model"])), info, system
        self._now = 0.0
        self._cache = PromptCache(lambda: self._now)
        self._frame = [
            Piece(block_digest("system prompt", block), system, rules_cache.ttl(block))
            for block in blocks(frame.get("system"))
        ]
        self._frame_size = sum(len(msgspec.json.encode(b)) for b in blocks(frame.get("system")))
        self._before: list[SizedMessage] | None = None
        self.billed = 0.0
        self.peak = 0
        self.stable: list[float] = []
        self.breaks = 0

    def tokens(self, messages: Sequence[bytes]) -> int:
        """The size of a prompt, as the model counts it."""
        return round(
            (self._system + sum(p.tokens for p in self._parts(messages))) * self._info.ratio
        )

    def take(self, messages: Sequence[bytes], at: float) -> None:
        """One request that was answered at that time."""
        self._now = at
        parts = self._parts(messages)
        pieces = [*self._frame, *(piece for one in parts for piece in one.pieces)]
        plan = self._cache.plan(pieces, _KEY, self._model)
        self._cache.commit(plan)
        written = WRITE_5M * plan.written_5m + WRITE_1H * plan.written_1h
        self.billed += (plan.uncached + written + READ * plan.read) * self._info.ratio
        self.peak = max(self.peak, self.tokens(messages))
        if self._before is not None:
            share = self._share(self._before, parts)
            self.stable.append(share)
            self.breaks += share < 1
        self._before = parts

    def _parts(self, messages: Sequence[bytes]) -> list[SizedMessage]:
        return [size_message(raw, self._info.image_tokens) for raw in messages]

    def _share(self, before: list[SizedMessage], now: list[SizedMessage]) -> float:
        """The previous request's share that is a prefix of this one."""
        same = 0
        while same < min(len(before), len(now)) and before[same] is now[same]:
            same += 1
        kept = self._frame_size + sum(sum(one.sizes) for one in before[:same])
        total = kept + sum(sum(one.sizes) for one in before[same:])
        sizes = chain.from_iterable(one.sizes for one in before[same:])
        old = chain.from_iterable(one.pieces for one in before[same:])
        new = chain.from_iterable(one.pieces for one in now[same:])
        for size, left, right in zip(sizes, old, new, strict=False):
            if left.digest != right.digest:
                break
            kept += size
        return kept / total


def side_call(tokens: int, extra: int) -> float:
    """A further call over a cached prompt of that size: it is read, and ``extra`` is new."""
    return READ * tokens + extra
