"""What the model sees: the decisions of an epoch applied to the messages of a request."""

from collections.abc import Iterator, Sequence

from palimpsest.context.model import Decision, Epoch
from palimpsest.dialects.model import Block, Dialect, RequestView
from palimpsest.runtime.hash_chain import raw_hash
from palimpsest.runtime.lru import Memo

_REMEMBERED_BYTES = 16_384
_edited: Memo[tuple[str, bytes, Decision], bytes] = Memo(2_048)


def apply_epoch(view: RequestView, epoch: Epoch | None) -> tuple[bytes, ...]:
    """The request's messages with the epoch's decisions carried out; it must be one of their own
    history."""
    messages = view.messages
    if epoch is None:
        return messages
    seen: list[bytes] = []
    at = 0
    for decision in epoch.changes():
        seen.extend(messages[at : decision.position])
        at = decision.position + 1
        if decision.drop is None:
            seen.append(_edit_once(view.dialect, messages[decision.position], decision))
    seen.extend(messages[at:])
    return tuple(seen)


def edit_message(dialect: Dialect, message: bytes, decision: Decision) -> bytes:
    """One message as the decision wants it; blocks that it does not mention keep their bytes."""
    parts = dialect.message(message)
    if not parts.blocks:
        return message
    return dialect.put_together(parts, list(_blocks(dialect, parts.blocks, decision)))


def _edit_once(dialect: Dialect, message: bytes, decision: Decision) -> bytes:
    """An edited message; it is the same on every turn, and remembered unless it is large."""
    key = (dialect.name, raw_hash(message), decision)
    known = _edited.get(key)
    if known is None:
        known = edit_message(dialect, message, decision)
        if len(known) <= _REMEMBERED_BYTES:
            _edited.put(key, known)
    return known


def _blocks(dialect: Dialect, blocks: Sequence[Block], decision: Decision) -> Iterator[bytes]:
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
            yield _marked(dialect, content, block)
    yield from decision.append


def _marked(dialect: Dialect, content: bytes, block: Block) -> bytes:
    """The client's own cache marker stays where it was set."""
    if content is block.raw or block.cache_marker is None:
        return content
    return dialect.mark(content, block.cache_marker)
