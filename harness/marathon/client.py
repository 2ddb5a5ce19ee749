"""A client that sends its whole history each time, in the order and form of Claude Code's."""

from collections.abc import Sequence
from typing import Any

import msgspec

from harness.simulator.models import Model
from harness.simulator.shape import Obj
from harness.simulator.tokens import Tokens

MARK = {"cache_control": {"type": "ephemeral"}}
BETAS = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "per-turn-control-2026-07-01"
)
HEADERS = {
    "x-api-key": "sk-ant-endless",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": BETAS,
    "content-type": "application/json",
}
_BILLING = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.328.eb4;"}
_ENABLED = {"type": "enabled", "budget_tokens": 8_000}
_ADAPTIVE = {"type": "adaptive", "display": "omitted"}


class Client:
    """``tokens`` is the size of what it would send, by the simulator's count for the model."""

    def __init__(self, model: Model, system: str, tools: Sequence[Obj], session: str) -> None:
        self._model, self._counter = model, Tokens()
        prompt = [{"type": "text", "text": text, **MARK} for text in ("You are an agent.", system)]
        thinking = _ADAPTIVE if model.preserved else _ENABLED
        rest = {
            "system": [_BILLING, *prompt],
            "tools": list(tools),
            "metadata": {"user_id": msgspec.json.encode({"session_id": session}).decode()},
            "max_tokens": model.max_output,
            "thinking": thinking,
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        }
        self._head = b'{"model":%b,"messages":[' % msgspec.json.encode(model.prefix)
        self._tail = b"]," + msgspec.json.encode(rest)[1:]
        self._sent: list[bytes] = []
        self._newest: tuple[str, list[Obj]] | None = None
        empty = {**rest, "messages": []}
        self.tokens = self._counter.request(empty, model.ratio).total
        self.headers = {**HEADERS, "x-claude-code-session-id": session}

    def say(self, *content: Obj, role: str = "user") -> None:
        """A new message, whose last block gets the marker; the one before loses it."""
        self._settle()
        self._newest = role, list(content)
        self._count(content)

    def hear(self, content: list[Obj]) -> None:
        """The model's answer, as it came."""
        self._settle()
        self._sent.append(_message("assistant", content))
        self._count(content)

    def body(self) -> bytes:
        """The next request."""
        messages = list(self._sent)
        if self._newest:
            role, (*before, last) = self._newest
            messages.append(_message(role, [*before, {**last, **MARK}]))
        return self._head + b",".join(messages) + self._tail

    def _settle(self) -> None:
        """The newest message in the form it keeps: a lone text block becomes a plain string."""
        if self._newest:
            role, content = self._newest
            alone = len(content) == 1 and content[0]["type"] == "text"
            self._sent.append(_message(role, content[0]["text"] if alone else content))
        self._newest = None

    def _count(self, content: Sequence[Obj]) -> None:
        self.tokens += self._counter.blocks(list(content), self._model.ratio)


def _message(role: str, content: Any) -> bytes:
    return msgspec.json.encode({"role": role, "content": content})
