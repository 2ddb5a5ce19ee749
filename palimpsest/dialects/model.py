"""The neutral view of a request that the planner, lineage, capture and the archive work on.

A *dialect* is the wire format of one API. It splits a body into a `RequestView`, takes a raw
message apart into a `Message` of `Block`s, and puts both together again. Whatever reads messages
goes through these values, so that one planner serves every dialect.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from palimpsest.dialects.frame import Frame

Span = tuple[int, int]
"""Where a value begins and ends, in bytes of the body."""

Headers = Iterable[tuple[bytes, bytes]]


class Role(StrEnum):
    """Who speaks in a message. OTHER: a role that no dialect has, or none."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    OTHER = ""


class BlockKind(StrEnum):
    """What a block holds. PROVIDER_RESULT: the result of a tool that the provider itself ran."""

    TEXT = "text"
    THINKING = "thinking"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    PROVIDER_RESULT = "provider_result"
    IMAGE = "image"
    DOCUMENT = "document"
    OTHER = "other"


class Block(Protocol):
    """One part of a message. What belongs to another kind of block is empty, 0 or False.

    raw: the block's JSON, byte for byte as it came
    wire_type: the name of its kind on the wire; empty if it has none
    call_id: of a tool call and of its result, the id that joins them
    tool_name: of a tool call, and of a provider's result
    arguments: of a tool call
    is_error: it is the result of a tool call that failed
    media: how many parts of a tool result are images, files or the like
    has_reference: a tool result names tools that the model may call from now on
    cache_marker: the client's cache marker on this block, as a JSON value; None without one
    """

    @property
    def raw(self) -> bytes: ...
    @property
    def kind(self) -> BlockKind: ...
    @property
    def wire_type(self) -> str: ...
    @property
    def is_thinking(self) -> bool: ...
    @property
    def call_id(self) -> str: ...
    @property
    def tool_name(self) -> str: ...
    @property
    def arguments(self) -> dict[str, Any]: ...
    @property
    def is_error(self) -> bool: ...
    @property
    def media(self) -> int: ...
    @property
    def has_reference(self) -> bool: ...
    @property
    def cache_marker(self) -> Any: ...

    def text(self) -> str:
        """What a text block says."""
        ...

    def result_text(self) -> str:
        """What a tool result says; of a provider's result, all that is readable in it."""
        ...

    def replace_result(self, text: str) -> bytes:
        """Of a tool result: its JSON with this text instead, and without a cache marker."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A raw message taken apart. One whose shape is unknown has no blocks and is never changed.

    role: who speaks
    blocks: its parts in order, thinking too
    rest: the raw JSON of its other fields, by name
    """

    role: Role
    blocks: tuple[Block, ...]
    rest: Mapping[str, bytes] = field(repr=False)

    def numbered(self) -> Iterator[tuple[int, Block]]:
        """The blocks without thinking, numbered from 0: the same numbers in every form in which a
        client sends the message."""
        return enumerate(block for block in self.blocks if not block.is_thinking)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What a model can take.

    name: the API's own name, without date or a provider's spelling
    window: tokens of prompt and answer together
    max_output: tokens of the longest answer
    validates_sum: the API refuses a prompt and max_tokens that together exceed the window
    preserved_thinking: thinking is bound to the exact bytes before it
    ratio: the model's tokens per token of our estimate
    image_tokens: the most tokens one image can cost
    """

    name: str
    window: int
    max_output: int
    validates_sum: bool
    preserved_thinking: bool
    ratio: float
    image_tokens: int


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """Estimated tokens of a prompt, by its parts, before the model's ratio."""

    system: int
    tools: int
    messages: int

    @property
    def total(self) -> int:
        return self.system + self.tools + self.messages


MESSAGE_WEIGHT = 1_024
"""What it costs to hash, store and look up a message, in bytes of text that cost the same."""
VALUE_WEIGHT = 16
"""The same of a comma or colon: what decodes values makes objects of them."""


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request body, split at its messages; ``prefix + messages + suffix`` is always the body.

    dialect: the wire format that the body is in
    body: the bytes as they came
    model: the model's name as the client spells it
    stream: the client asks for a stream
    max_tokens: tokens of the answer that the client asks for
    system: raw JSON of the system prompt; None when absent or null
    tools: raw JSON of the tool list; None when absent or null
    messages: each message's raw JSON
    prefix: the bytes before the first message
    separators: the bytes between neighbours; a single one stands between all messages
    suffix: the bytes after the last message
    spans: where the value of each top-level field lies; the last one of duplicates counts
    weight: how much work the body is: its bytes, and what its messages and values cost in bytes
    """

    dialect: "Dialect" = field(repr=False)
    body: bytes = field(repr=False)
    model: str
    stream: bool
    max_tokens: int | None
    system: bytes | None = field(repr=False)
    tools: bytes | None = field(repr=False)
    messages: tuple[bytes, ...] = field(repr=False)
    prefix: bytes = field(repr=False)
    separators: tuple[bytes, ...] = field(repr=False)
    suffix: bytes = field(repr=False)
    spans: Mapping[str, Span] = field(repr=False)
    weight: int


class Dialect(Protocol):
    """The wire format of one API. Everything here is a pure function of bytes, safe in threads."""

    @property
    def name(self) -> str:
        """The dialect's name, which tells its memoised results from those of others."""
        ...

    def parse(self, body: bytes) -> RequestView:
        """Split a body; raises BadRequest, in the API's words, for what is no request of it."""
        ...

    def message(self, raw: bytes) -> Message:
        """Take a raw message apart."""
        ...

    def block(self, raw: bytes) -> Block:
        """One block that stands by itself, as decisions hold them."""
        ...

    def role(self, raw: bytes) -> Role:
        """The role of a raw message, without taking it apart."""
        ...

    def canonical_hash(self, raw: bytes) -> bytes:
        """32 bytes that are the same for all forms in which a client sends one message."""
        ...

    def put_together(self, message: Message, blocks: Sequence[bytes]) -> bytes:
        """The raw message with these blocks in place of its own."""
        ...

    def text_block(self, text: str) -> bytes:
        """A text as a block of a message."""
        ...

    def mark(self, raw: bytes, marker: Any) -> bytes:
        """A block with this cache marker."""
        ...

    def build_body(
        self, view: RequestView, messages: Sequence[bytes], *, escape: bool = False
    ) -> bytes:
        """The view's body with these messages; its own bytes when they are its own messages.
        ``escape``: it asks the API to drop bound thinking, if it can."""
        ...

    def escape_header(self) -> tuple[bytes, bytes]:
        """The header, a list of values, that a body with the escape needs."""
        ...

    def can_ask_to_drop(self, view: RequestView) -> bool:
        """Whether the body can ask the API to drop bound thinking, and does not say anything
        about it yet."""
        ...

    def asks_to_drop(self, view: RequestView) -> bool:
        """Whether the client itself lets the API drop bound thinking."""
        ...

    def asks_for_format(self, view: RequestView) -> bool:
        """Whether the answer has to be in a format that a program reads."""
        ...

    def cache_ttl(self, view: RequestView) -> float:
        """Seconds that the provider's cache keeps what the client marked."""
        ...

    def model(self, name: str, headers: Headers = ()) -> ModelInfo:
        """What a model can take, in any provider's spelling; headers may ask for a larger
        window. An unknown model gets a default."""
        ...

    def message_tokens(self, raw: bytes, image_cap: int) -> int:
        """Estimated tokens of a raw message; ``image_cap``: the most tokens of one image."""
        ...

    def thinking_tokens(self, block: Block) -> int:
        """Estimated tokens of a thinking block."""
        ...

    def prompt_tokens(self, view: RequestView) -> TokenEstimate:
        """Estimated tokens of the whole prompt."""
        ...

    def build_question(
        self, view: RequestView, *, model: str, max_tokens: int, order: str, text: str
    ) -> bytes:
        """The body of a request beside the view's own, which asks ``model`` one thing: ``order``
        is its system prompt, after the client's identification, ``text`` what a user says."""
        ...

    def answer_message(self, answer: bytes, content_type: str) -> bytes | None:
        """The raw message that an answer, decompressed, becomes in the next request, without
        thinking. None where nothing can be read."""
        ...

    def encode_frame(self, view: RequestView) -> Frame:
        """The body without its messages, for storage; it can rebuild the body."""
        ...
