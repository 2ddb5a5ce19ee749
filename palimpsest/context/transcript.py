"""Writes out what an epoch cuts, in order, for a model that is to summarise it."""

from collections.abc import Iterator
from itertools import chain

from palimpsest.context.model import Decision, Epoch
from palimpsest.context.quoting import harmless
from palimpsest.dialects.model import Block, BlockKind, Dialect, Message, RequestView, Role
from palimpsest.runtime.foreign_values import write_json

MOST_CHARS = 160_000
"""Some 45,000 tokens. Of a longer cut the newest is written out: the account that it replaces, if
there is one, covers the older."""

_SPOKEN = 2_000
_ARGUMENTS = 400
_OUTPUT_HEAD, _OUTPUT_TAIL = 500, 300
_WHOLE = Decision(0)


def transcript(view: RequestView, epoch: Epoch, before: Epoch | None) -> str:
    """The messages that ``epoch`` changes, each block cut to a bounded length, and what the user
    said between them; first the account of what ``before`` had cut."""
    decided = {decision.position: decision for decision in epoch.decisions}
    written: list[list[str]] = []
    left = MOST_CHARS
    for position in range(epoch.depth - 1, -1, -1):
        decision = decided.get(position)
        lines = list(_lines(position, view.dialect.message(view.messages[position]), decision))
        left -= sum(map(len, lines))
        if left < 0:
            break
        written.append(lines)
    return "\n".join((*account(view.dialect, before), *chain.from_iterable(reversed(written))))


def account(dialect: Dialect, epoch: Epoch | None) -> list[str]:
    """What an epoch says in place of what it cut."""
    decisions = epoch.decisions if epoch else ()
    return [dialect.block(raw).text() for decision in decisions for raw in decision.append]


def _lines(position: int, message: Message, decision: Decision | None) -> Iterator[str]:
    """All blocks of a message that goes, those of one that is edited, else what a user says."""
    changed = {edit.block for edit in decision.edits} if decision else set[int]()
    whole = decision is not None and decision.drop is not None
    for number, block in message.numbered():
        if whole or number in changed or (message.role is Role.USER and block.text()):
            yield f"#{position} {_describe(message.role, block)}"


def _describe(role: Role, block: Block) -> str:
    match block.kind:
        case BlockKind.TEXT:
            return f"{role}: {_clip(block.text(), _SPOKEN, 0)}"
        case BlockKind.TOOL_CALL:
            arguments = write_json(block.arguments)
            return f"call {block.tool_name}: {_clip(arguments, _ARGUMENTS, 0)}"
        case BlockKind.TOOL_RESULT:
            failed = " (failed)" if block.is_error else ""
            output = _clip(block.result_text(), _OUTPUT_HEAD, _OUTPUT_TAIL)
            return f"result{failed}: {output}"
        case _:
            return f"{role}: [{block.wire_type}]"


def _clip(text: str, head: int, tail: int) -> str:
    if len(text) > head + tail:
        text = f"{text[:head]} […] {text[-tail:] if tail else ''}"
    return harmless(text)
