"""What an epoch cuts, told in order for a model that is to sum it up."""

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from palimpsest.context.model import Decision, Epoch
from palimpsest.context.quoting import harmless
from palimpsest.dialects.anthropic.blocks import Block, result_text, take_apart

MOST_CHARS = 160_000
"""Some 45,000 tokens. Of a longer cut the newest is told, since the account that it replaces, if
there is one, tells of the older."""

_SPOKEN = 2_000
_ARGUMENTS = 400
_OUTPUT_HEAD, _OUTPUT_TAIL = 500, 300
_WHOLE = Decision(0)


def transcript(messages: Sequence[bytes], epoch: Epoch, before: Epoch | None) -> str:
    """The messages that ``epoch`` changes, each block cut to a bounded length, and what the user
    said between them; first the account of what ``before`` had cut."""
    decided = {decision.position: decision for decision in epoch.decisions}
    told: list[list[str]] = []
    left = MOST_CHARS
    for position in range(epoch.depth - 1, -1, -1):
        decision = decided.get(position)
        lines = list(_lines(position, messages[position], decision))
        left -= sum(map(len, lines))
        if left < 0:
            break
        told.append(lines)
    return "\n".join((*account(before), *chain.from_iterable(reversed(told))))


def account(epoch: Epoch | None) -> list[str]:
    """What an epoch says in place of what it cut."""
    decisions = epoch.decisions if epoch else ()
    texts = (take_apart(_message(block)).blocks for d in decisions for block in d.append)
    return [block.text() for blocks in texts for block in blocks]


def _message(block: bytes) -> bytes:
    return b'{"role":"user","content":[' + block + b"]}"


def _lines(position: int, raw: bytes, decision: Decision | None) -> Iterator[str]:
    """All blocks of a message that goes, those of one that is edited, else what a user says."""
    message = take_apart(raw)
    changed = {edit.block for edit in decision.edits} if decision else set[int]()
    whole = decision is not None and decision.drop is not None
    for number, block in message.numbered():
        if whole or number in changed or (message.role == "user" and block.text()):
            yield f"#{position} {_told(message.role, block)}"


def _told(role: str, block: Block) -> str:
    match block.kind:
        case "text":
            return f"{role}: {_clip(block.text(), _SPOKEN, 0)}"
        case "tool_use":
            arguments = msgspec.json.encode(block.value.get("input")).decode()
            return f"call {block.value.get('name')}: {_clip(arguments, _ARGUMENTS, 0)}"
        case "tool_result":
            failed = " (failed)" if block.value.get("is_error") is True else ""
            output = _clip(result_text(block.value), _OUTPUT_HEAD, _OUTPUT_TAIL)
            return f"result{failed}: {output}"
        case kind:
            return f"{role}: [{kind}]"


def _clip(text: str, head: int, tail: int) -> str:
    if len(text) > head + tail:
        text = f"{text[:head]} […] {text[-tail:] if tail else ''}"
    return harmless(text)
