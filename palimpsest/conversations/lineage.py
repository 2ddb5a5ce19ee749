"""Lineage: which conversation a list of messages belongs to, and how far it is known.

A *canonical form* leaves out what the client changes between turns without changing what was said
(`cache_control`, thinking, a string instead of one text block). A *chain* hashes canonical forms
from a root, which is a tenant's in a project; *nodes* hash the exact bytes, for storage. All hashes
are 32 bytes of BLAKE3.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
from blake3 import blake3

from palimpsest.dialects.anthropic.blocks import THINKING
from palimpsest.runtime.hash_chain import SEGMENT, digest, segments
from palimpsest.runtime.lru import Memo

Hash = bytes
Link = Callable[[bytes], Hash]

_NODES = blake3(b"palimpsest node 1").digest()

# A prompt of a million tokens has some 3,000 messages: 47 segments, a raw and a canonical link for
# each. The single messages are those of segments that are not full yet.
_messages: Memo[Hash, Hash] = Memo(4_096)
_links: Memo[Hash, tuple[Hash, ...]] = Memo(2_048)


def root(tenant: str, project: str = "") -> Hash:
    """The chain hash before the first message of a tenant's conversation in a project."""
    place = tenant.encode() + (b"\0" + project.encode() if project else b"")
    return blake3(b"palimpsest root 1\0" + place).digest()


def canonical_hash(message: bytes) -> Hash:
    """The hash of a message's canonical form; of its bytes when it has none (bad numbers)."""
    key = raw_hash(message)
    known = _messages.get(key)
    if known is None:
        known = _canonical(message)
        _messages.put(key, known)
    return known


def raw_hash(message: bytes) -> Hash:
    """The hash of the exact bytes, the address of a stored message."""
    return blake3(message).digest()


def chain(start: Hash, messages: Sequence[bytes]) -> tuple[Hash, ...]:
    """One hash per message: ``chain[i]`` names the conversation up to and with message i."""
    return _linked(b"canonical", start, messages, canonical_hash)


def node_hashes(messages: Sequence[bytes]) -> tuple[Hash, ...]:
    """One hash per message over the exact bytes up to and with it; the same for every tenant."""
    return _linked(b"raw", _NODES, messages, raw_hash)


def _linked(kind: bytes, start: Hash, messages: Sequence[bytes], link: Link) -> tuple[Hash, ...]:
    last, hashes = start, list[Hash]()
    for segment in segments(messages):
        key = blake3(kind + last + digest(segment)).digest()
        known = _links.get(key)
        if known is None:
            known = _link(last, segment, link)
            if len(segment) == SEGMENT:
                _links.put(key, known)
        hashes.extend(known)
        last = known[-1]
    return tuple(hashes)


def _link(last: Hash, segment: Sequence[bytes], link: Link) -> tuple[Hash, ...]:
    hashes: list[Hash] = []
    for message in segment:
        last = blake3(last + link(message)).digest()
        hashes.append(last)
    return tuple(hashes)


def _canonical(raw: bytes) -> Hash:
    try:
        form = msgspec.json.encode(_canonical_message(msgspec.json.decode(raw)), order="sorted")
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        form = raw
    return blake3(form).digest()


def _canonical_message(message: Any) -> Any:
    if not isinstance(message, dict):
        return message
    fields = cast("dict[str, Any]", message)
    return {**fields, "content": _without_thinking(_blocks(fields.get("content")))}


def _blocks(content: Any) -> Any:
    """Content as a list of blocks without markers, nested content too; other values unchanged."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_block(block) for block in content] if _is_list(content) else content


def _block(block: Any) -> Any:
    bare = _without_marker(block)
    if not isinstance(bare, dict):
        return bare
    fields = cast("dict[str, Any]", bare)
    if fields.get("type") == "tool_result" or _is_list(fields.get("content")):
        return {**fields, "content": _blocks(fields.get("content"))}
    return fields


def _without_marker(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    fields = cast("dict[str, Any]", block)
    return {name: value for name, value in fields.items() if name != "cache_control"}


def _without_thinking(blocks: Any) -> Any:
    if not _is_list(blocks):
        return blocks
    return [block for block in blocks if _field(block, "type") not in THINKING]


def _field(block: Any, name: str) -> Any:
    return cast("dict[str, Any]", block).get(name) if isinstance(block, dict) else None


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
