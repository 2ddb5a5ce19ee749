"""A session as its client sends it: the whole history each time, a cache marker at its end."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec

from harness.eval.profiles import MAX_TOKENS
from harness.eval.sessions import Session
from palimpsest.dialects.anthropic.models import lookup
from palimpsest.dialects.anthropic.sizes import message_tokens

Message = dict[str, Any]

MARK = {"type": "ephemeral"}
_MEASURED = 5
_WORD = " word"


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


class Client:
    """Holds the history and gives the requests; what the upstream answered is told to it."""

    def __init__(self, frame: Message) -> None:
        """``frame`` is the request without its messages."""
        self._head = encode(frame)[:-1] + b',"messages":['
        self._plain: list[bytes] = []
        self._last: Message = {}

    def append(self, message: Message) -> None:
        """The next message of the history."""
        if self._last:
            self._plain.append(encode(plain(self._last)))
        self._last = message

    def messages(self) -> tuple[bytes, ...]:
        """The request's messages."""
        return (*self._plain, encode(marked(self._last)))

    def body(self, messages: Sequence[bytes]) -> bytes:
        """The request with these messages."""
        return self._head + b",".join(messages) + b"]}"


def frame(model: str, system: int = 0, thinking: str = "adaptive") -> Message:
    """A request without its messages; so many words stand for the system prompt and the tools."""
    bare: Message = {"model": model, "max_tokens": MAX_TOKENS, "stream": True}
    bare["thinking"] = {
        "type": thinking,
        **({"budget_tokens": 16_000} if thinking == "enabled" else {}),
    }
    if system > 0:
        text = _WORD * system
        bare["system"] = [{"type": "text", "text": text, "cache_control": MARK}]
    return bare


def plain(message: Message) -> Message:
    """As Claude Code sends an earlier message: a single text of the user's as a string."""
    match message["content"]:
        case [{"type": "text", "text": str(text)}] if message["role"] == "user":
            return {**message, "content": text}
        case _:
            return message


def marked(message: Message) -> Message:
    """As it sends the newest."""
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {**message, "content": [*blocks[:-1], {**blocks[-1], "cache_control": MARK}]}


def system_tokens(session: Session) -> int:
    """What system and tools took, before the ratio: true sizes of the first prompts less ours."""
    info = lookup(session.model)
    found: list[float] = []
    counted = 0
    for turn in session.turns:
        if turn.prompt and len(found) < _MEASURED:
            found.append(turn.prompt / info.ratio - counted)
        counted += message_tokens(encode(turn.message), info.image_tokens)
    return max(0, round(median(found))) if found else 0
