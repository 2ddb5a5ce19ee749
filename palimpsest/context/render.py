"""What the model sees: the decisions of an epoch applied to the messages of a request."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from palimpsest.context.model import Decision, Epoch
from palimpsest.conversations.lineage import raw_hash
from palimpsest.dialects.anthropic.blocks import Block, put_together, take_apart
from palimpsest.dialects.anthropic.thinking import asking_to_drop, can_ask_to_drop
from palimpsest.dialects.anthropic.view import RequestView, join
from palimpsest.runtime.lru import Memo

_VALUE = msgspec.json.Decoder(dict[str, Any])
_REMEMBERED_BYTES = 16_384
_edited: Memo[tuple[bytes, Decision], bytes] = Memo(2_048)


def applied(messages: Sequence[bytes], epoch: Epoch | None) -> tuple[bytes, ...]:
    """The messages with the epoch's decisions carried out; it must be one of their own history."""
    if epoch is None:
        return tuple(messages)
    seen: list[bytes] = []
    at = 0
    for decision in epoch.changes():
        seen.extend(messages[at : decision.position])
        at = decision.position + 1
        if decision.drop is None:
            seen.append(_replayed(messages[decision.position], decision))
    seen.extend(messages[at:])
    return tuple(seen)


def edited(message: bytes, decision: Decision) -> bytes:
    """One message as the decision wants it; blocks that it does not mention keep their bytes."""
    parts = take_apart(message)
    if not parts.blocks:
        return message
    return put_together(parts, list(_blocks(parts.blocks, decision)))


def body(view: RequestView, messages: Sequence[bytes], *, escape: bool = False) -> bytes:
    """The request's body with these messages; the very bytes that came when they are its own.
    ``escape``: it lets the API drop bound thinking (see thinking.py)."""
    if tuple(messages) == view.messages:
        return view.body
    separators = view.separators if len(view.separators) == 1 else (b",",)
    ask = escape and can_ask_to_drop(view)
    prefix, suffix = asking_to_drop(view) if ask else (view.prefix, view.suffix)
    return prefix + join(messages, separators) + suffix


def _replayed(message: bytes, decision: Decision) -> bytes:
    """An edited message; it is the same on every turn, and remembered unless it is large."""
    key = (raw_hash(message), decision)
    known = _edited.get(key)
    if known is None:
        known = edited(message, decision)
        if len(known) <= _REMEMBERED_BYTES:
            _edited.put(key, known)
    return known


def _blocks(blocks: Sequence[Block], decision: Decision) -> Iterator[bytes]:
    edits = {edit.block: edit.content for edit in decision.edits}
    number = 0
    for block in blocks:
        if block.is_thinking:
            if decision.thinking is None:
                yield block.raw
            continue
        content = edits.get(number, block.raw)
        number += 1
        if content is not None:
            yield _marked(content, block)
    yield from decision.append


def _marked(content: bytes, block: Block) -> bytes:
    """The client's own cache marker stays where it was set."""
    marker = block.value.get("cache_control")
    if marker is None or content is block.raw:
        return content
    return msgspec.json.encode({**_VALUE.decode(content), "cache_control": marker})
