"""Recency pruning, decided anew on each request: the newest results within a budget stay."""

from harness.eval.client import encode
from harness.eval.messages import Message, results
from harness.eval.sized_message import size_message
from harness.eval.strategies import ClientRequest, StrategyContext, UpstreamRequest

BUDGET = 60_000
_CLEARED = "[Old tool result content cleared]"


class Recency:
    """The oldest results are replaced by a note once all of them together pass the budget."""

    def __init__(self, context: StrategyContext) -> None:
        self._context = context
        self._cleared: dict[bytes, bytes] = {}

    def send(self, request: ClientRequest) -> UpstreamRequest:
        info = self._context.info
        left = BUDGET / info.ratio
        sent: list[bytes] = []
        for raw in reversed(request.messages):
            found = size_message(raw, info.image_tokens)
            if any(results(found.value)):
                left -= found.tokens
                sent.append(raw if left >= 0 else self._clear(raw, found.value))
            else:
                sent.append(raw)
        return UpstreamRequest(tuple(reversed(sent)))

    def _clear(self, raw: bytes, value: Message) -> bytes:
        if raw not in self._cleared:
            content = [
                {**block, "content": _CLEARED} if block["type"] == "tool_result" else block
                for block in value["content"]
            ]
            self._cleared[raw] = encode({**value, "content": content})
        return self._cleared[raw]
