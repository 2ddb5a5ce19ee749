"""Finds the tool exchanges of a history: calls, and the message with their results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from palimpsest.dialects.model import Block, BlockKind, Message, Role


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call with its result.

    id: joins the call and its result
    name: the tool's name
    input: the call's arguments
    position: index of the message with the call
    block: number of the call in it
    result_position: index of the message with the result
    result_block: number of the result in it
    output: the result's text
    is_error: the call failed
    media: how many parts of the result are no text
    has_reference: the result names tools that the model may call from now on
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
class ToolExchange:
    """All calls of one assistant message, and where their results are."""

    position: int
    result_position: int
    calls: tuple[Call, ...]


def find_tool_exchanges(messages: Sequence[Message]) -> Iterator[ToolExchange]:
    """The tool exchanges that are whole: every call has its result in the very next message."""
    for position, message in enumerate(messages[:-1]):
        answer = messages[position + 1]
        if message.role is not Role.ASSISTANT or answer.role is not Role.USER:
            continue
        results = {
            block.call_id: (number, block)
            for number, block in answer.numbered()
            if block.kind is BlockKind.TOOL_RESULT
        }
        asked = [(n, block) for n, block in message.numbered() if block.kind is BlockKind.TOOL_CALL]
        if not asked or any(block.call_id not in results for _, block in asked):
            continue
        calls = tuple(
            _call(position, number, block, *results[block.call_id]) for number, block in asked
        )
        yield ToolExchange(position, position + 1, calls)


def _call(position: int, number: int, use: Block, result_number: int, result: Block) -> Call:
    return Call(
        id=use.call_id,
        name=use.tool_name,
        input=use.arguments,
        position=position,
        block=number,
        result_position=position + 1,
        result_block=result_number,
        output=result.result_text(),
        is_error=result.is_error,
        media=result.media,
        has_reference=result.has_reference,
    )
