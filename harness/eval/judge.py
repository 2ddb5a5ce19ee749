"""The strict simulator's rules over a conversation's requests, checked on what is new.

What a request has in common with the one before it has been judged; every so often, and whenever
the history was rewritten, all of it is.
"""

import copy
from collections.abc import Sequence
from typing import Any

from harness.eval.profiles import simulated
from harness.eval.sized_message import size_message
from harness.simulator import rules_cache, rules_messages, rules_thinking, rules_tools
from harness.simulator.problem import Problem
from harness.simulator.seal import Binder, Seal
from harness.simulator.view import View

_OVERLAP = 4
_ADAPTIVE = {
    "type": "adaptive",
    "block_binding": {"prefix_mismatch_behavior": "drop_block"},
}


class Judge:
    """Of one conversation. ``frame`` is the request without its messages; ``every``: how many
    requests may go by until one is judged whole again."""

    def __init__(self, frame: dict[str, Any], seal: Seal, image_cap: int, every: int = 16) -> None:
        self._frame, self._seal = frame, seal
        self._model = simulated(str(frame["model"]))
        self._image_cap, self._every = image_cap, every
        self._sent: Sequence[bytes] = ()
        self._binders = [Binder(seal, str(frame["model"]), frame)]
        self._since = 0
        self.problem: str | None = None

    @property
    def binder(self) -> Binder:
        """The state at the end of the newest prompt: what its answer's thinking is bound to."""
        return self._binders[-1]

    def check(self, messages: Sequence[bytes]) -> bool:
        """Whether the request breaks no rule; ``problem`` says what is wrong with it."""
        same = common(self._sent, messages)
        self._since += 1
        whole = same < len(self._sent) - _OVERLAP or self._since >= self._every
        self._since = 0 if whole else self._since
        self.problem = self._shape(messages, 0 if whole else same) or self._thinking(messages, same)
        self._sent = messages
        return self.problem is None

    def _shape(self, messages: Sequence[bytes], same: int) -> str | None:
        values = self._values(messages, max(0, same - _OVERLAP))
        if values and same > _OVERLAP:
            values = _begun(values)
        body = {**self._frame, "messages": values}
        try:
            rules_messages.check(body, self._model, frozenset())
            rules_tools.check(values)
            rules_cache.check(body)
            if self._thinks():
                rules_thinking.check_enabled(values)
        except Problem as problem:
            return problem.message
        return None

    def _thinking(self, messages: Sequence[bytes], same: int) -> str | None:
        """The first thinking block that the API would refuse; leads the binder to the end."""
        del self._binders[same + 1 :]
        problem: str | None = None
        for position, raw in enumerate(messages[same:], same):
            binder = copy.copy(self._binders[-1])
            self._binders.append(binder)
            body = {**self._frame, "messages": [size_message(raw, self._image_cap).value]}
            asked = View({**body, "thinking": _ADAPTIVE}, {})
            try:
                dropped = rules_thinking.check(asked, self._model, self._seal, binder)
                if dropped:
                    problem = problem or f"messages.{position}: {dropped[0]['reason']}"
            except Problem as refused:
                problem = problem or f"messages.{position}: {refused.message}"
        return problem

    def _values(self, messages: Sequence[bytes], first: int) -> list[dict[str, Any]]:
        return [size_message(raw, self._image_cap).value for raw in messages[first:]]

    def _thinks(self) -> bool:
        thinking: dict[str, Any] = self._frame.get("thinking") or {}
        return thinking.get("type") == "enabled"


def common(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """How many messages both begin with."""
    for count, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return count
    return min(len(one), len(other))


def _begun(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A stretch from the middle, made a beginning: it opens with a user's own words."""
    first = next((i for i, value in enumerate(values) if value["role"] == "assistant"), None)
    opening = {"role": "user", "content": "…"}
    return [opening, *values[first:]] if first is not None else [opening, *values[1:]]
