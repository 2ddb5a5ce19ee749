"""A history as the planner reads it: its messages taken apart, each with its size."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from palimpsest.context.speech import Speech, speech
from palimpsest.context.tool_exchanges import ToolExchange, find_tool_exchanges
from palimpsest.dialects.model import Dialect, Message, RequestView, Role


@dataclass(frozen=True)
class History:
    """The messages of a request. Tokens are before the model's ratio.

    view: the request as the client sent it
    image_cap: the most tokens that one image can cost
    """

    view: RequestView
    image_cap: int

    @property
    def raw(self) -> Sequence[bytes]:
        """The messages as the client sent them."""
        return self.view.messages

    @property
    def dialect(self) -> Dialect:
        return self.view.dialect

    @cached_property
    def messages(self) -> list[Message]:
        return [self.dialect.message(raw) for raw in self.raw]

    @cached_property
    def tokens(self) -> list[int]:
        return [self.size(raw) for raw in self.raw]

    @cached_property
    def tool_exchanges(self) -> list[ToolExchange]:
        return list(find_tool_exchanges(self.messages))

    @cached_property
    def anchors(self) -> frozenset[int]:
        """Messages that may not go, since system messages stand next to them: the API wants a
        user's message before these and an assistant's after. One that only sets something, without
        content, may stand anywhere."""
        spoken = [
            position
            for position, message in enumerate(self.messages)
            if message.role is not Role.SYSTEM or message.blocks
        ]
        found: set[int] = set()
        for one, other in pairwise(spoken):
            roles = self.messages[one].role, self.messages[other].role
            if roles.count(Role.SYSTEM) == 1:
                found.add(other if roles[0] is Role.SYSTEM else one)
        return frozenset(found)

    def size(self, raw: bytes) -> int:
        return self.dialect.message_tokens(raw, self.image_cap)

    @cached_property
    def thinking(self) -> dict[int, int]:
        """Where thinking is, and how much; a message of thinking alone is not among them, since
        nothing would be left of it."""
        found: dict[int, int] = {}
        for position, message in enumerate(self.messages):
            hidden = [block for block in message.blocks if block.is_thinking]
            if 0 < len(hidden) < len(message.blocks):
                found[position] = sum(map(self.dialect.thinking_tokens, hidden))
        return found

    @cached_property
    def only_thinking(self) -> list[int]:
        """Messages that are nothing but thinking."""
        return [
            position
            for position, message in enumerate(self.messages)
            if message.blocks and all(block.is_thinking for block in message.blocks)
        ]

    def spoken(self, position: int) -> list[tuple[int, str, Speech]]:
        """Number, text and kind of each text block of a user's message."""
        return self._spoken[position]

    @cached_property
    def _spoken(self) -> list[list[tuple[int, str, Speech]]]:
        return [_texts(message) if message.role is Role.USER else [] for message in self.messages]


def _texts(message: Message) -> list[tuple[int, str, Speech]]:
    texts = ((number, block.text()) for number, block in message.numbered())
    return [(number, text, speech(text)) for number, text in texts if text]
