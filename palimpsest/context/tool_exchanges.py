"""The tool exchanges of a history: an assistant's calls, and the message that answers them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from palimpsest.dialects.anthropic.blocks import Block, Message, result_text


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call with its result. Positions are of messages, ``*_block`` are block numbers.

    ``output`` is the result's text; ``media`` counts what is not text in it.
    """

    id: str
    name: str
    input: dict[str, Any]
    position: int
    block: int
    result_position: int
    result_block: int
    output: str = field(repr=False)
    is_error: bool = False
    media: int = 0
    has_reference: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """All calls of one assistant message, and where their results are."""

    position: int
    result_position: int
    calls: tuple[Call, ...]


def exchanges(messages: Sequence[Message]) -> Iterator[Exchange]:
    """The exchanges that are whole: every call answered in the very next message."""
    for position, message in enumerate(messages[:-1]):
        answer = messages[position + 1]
        if message.role != "assistant" or answer.role != "user":
            continue
        results = {
            str(block.value.get("tool_use_id")): (number, block)
            for number, block in answer.numbered()
            if block.kind == "tool_result"
        }
        asked = [(n, block) for n, block in message.numbered() if block.kind == "tool_use"]
        if not asked or any(str(block.value.get("id")) not in results for _, block in asked):
            continue
        calls = tuple(
            _call(position, number, block, *results[str(block.value.get("id"))])
            for number, block in asked
        )
        yield Exchange(position, position + 1, calls)


def _call(position: int, number: int, use: Block, result_number: int, result: Block) -> Call:
    arguments = use.value.get("input")
    kinds = list(_kinds(result.value.get("content")))
    return Call(
        id=str(use.value.get("id")),
        name=str(use.value.get("name", "")),
        input=cast("dict[str, Any]", arguments) if isinstance(arguments, dict) else {},
        position=position,
        block=number,
        result_position=position + 1,
        result_block=result_number,
        output=result_text(result.value),
        is_error=result.value.get("is_error") is True,
        media=sum(kind not in ("text", "tool_reference") for kind in kinds),
        has_reference="tool_reference" in kinds,
    )


def _kinds(content: Any) -> Iterator[str]:
    """The types of the parts of a result."""
    for part in cast("list[Any]", content) if isinstance(content, list) else []:
        if isinstance(part, dict):
            yield str(cast("dict[str, Any]", part).get("type"))
