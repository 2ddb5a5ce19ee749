"""The client's own compaction: at 160K tokens a summary and the newest messages, 52K in all.

The summary is made by a further call over the whole prompt; its output is not billed here. Its text
stands for what Claude Code asks its summary for: all of the user's messages, the newest first. The
thinking of what is kept goes, as Claude Code removes it.
"""

from harness.eval.client import encode
from harness.eval.messages import without_thinking
from harness.eval.meter import side_call
from harness.eval.sized_message import SizedMessage, size_message
from harness.eval.strategies import ClientRequest, StrategyContext, UpstreamRequest

AT = 160_000
REMAIN = 52_000
_SUMMARY_CHARS = 12_000
_INSTRUCTION = 1_500
_HEAD = "This session is being continued from a previous conversation. The user said:\n"


class Compaction:
    """``cut``: where the kept messages begin; ``old``: up to where they are without thinking."""

    def __init__(self, context: StrategyContext) -> None:
        self._context = context
        self._cut, self._old = 0, 0
        self._summary: bytes | None = None

    def send(self, request: ClientRequest) -> UpstreamRequest:
        now = self._kept(request.messages)
        size = self._context.meter.tokens(now)
        if size <= AT:
            return UpstreamRequest(now)
        self._compact(request.messages)
        return UpstreamRequest(
            self._kept(request.messages), side_call(size, _INSTRUCTION), epoch=True
        )

    def _compact(self, messages: tuple[bytes, ...]) -> None:
        self._summary = self._summarise(messages)
        self._old = len(messages)
        cuts = [i for i, raw in enumerate(messages) if self._role(raw) == "assistant"]
        self._cut = cuts[-1]
        for cut in reversed(cuts[:-1]):
            before, self._cut = self._cut, cut
            if self._context.meter.tokens(self._kept(messages)) > REMAIN:
                self._cut = before
                break

    def _kept(self, messages: tuple[bytes, ...]) -> tuple[bytes, ...]:
        if self._summary is None:
            return messages
        old = [self._stripped(raw) for raw in messages[self._cut : self._old]]
        return (self._summary, *filter(None, old), *messages[self._old :])

    def _stripped(self, raw: bytes) -> bytes | None:
        value = without_thinking(self._sized(raw).value)
        return encode(value) if value else None

    def _summarise(self, messages: tuple[bytes, ...]) -> bytes:
        texts: list[str] = []
        for raw in messages:
            value = self._sized(raw).value
            if value["role"] == "user" and isinstance(value["content"], str):
                texts.append(value["content"])
        told = "\n".join(f"- {text}" for text in reversed(texts))[:_SUMMARY_CHARS]
        return encode({"role": "user", "content": _HEAD + told})

    def _role(self, raw: bytes) -> str:
        return str(self._sized(raw).value["role"])

    def _sized(self, raw: bytes) -> SizedMessage:
        return size_message(raw, self._context.info.image_tokens)
