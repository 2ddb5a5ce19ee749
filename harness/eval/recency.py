"""Recency pruning, decided anew on each request: the newest results within a budget stay."""

from harness.eval.client import encode
from harness.eval.messages import Message, results
from harness.eval.parts import part
from harness.eval.strategies import Asked, Sent, Setting

BUDGET = 60_000
_CLEARED = "[Old tool result content cleared]"


class Recency:
    """The oldest results are replaced by a note once all of them together pass the budget."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._cleared: dict[bytes, bytes] = {}

    def send(self, asked: Asked) -> Sent:
        info = self._setting.info
        left = BUDGET / info.ratio
        sent: list[bytes] = []
        for raw in reversed(asked.messages):
            found = part(raw, info.image_tokens)
            if any(results(found.value)):
                left -= found.tokens
                sent.append(raw if left >= 0 else self._clear(raw, found.value))
            else:
                sent.append(raw)
        return Sent(tuple(reversed(sent)))

    def _clear(self, raw: bytes, value: Message) -> bytes:
        if raw not in self._cleared:
            content = [
                {**block, "content": _CLEARED} if block["type"] == "tool_result" else block
                for block in value["content"]
            ]
            self._cleared[raw] = encode({**value, "content": content})
        return self._cleared[raw]
