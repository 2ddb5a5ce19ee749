"""Bodies of Messages requests: the client's own with other messages, and one that asks a question
beside it; and what such a body carries beside them: cache markers, and what becomes of thinking.

The API's own way out for thinking that is bound to what was changed is that it may drop the blocks:
`thinking.block_binding.prefix_mismatch_behavior: "drop_block"`, with its beta header.
"""

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, cast

import msgspec

from palimpsest.dialects.frame import join
from palimpsest.dialects.model import RequestView
from palimpsest.runtime.foreign_values import UNREADABLE

FIVE_MINUTES = 300.0
HOUR = 3600.0
_HOUR_MARK = re.compile(rb'"ttl"\s*:\s*"1h"')
_NEWEST = 3


def cache_ttl(view: RequestView) -> float:
    """Seconds: an hour if any marker of the frame or the newest messages asks for it."""
    places = (view.prefix, view.suffix, *view.messages[-_NEWEST:])
    return HOUR if any(_HOUR_MARK.search(place) for place in places) else FIVE_MINUTES


BINDING_BETA = "thinking-binding-controls-2026-08-01"
_BINDING = b'"block_binding":{"prefix_mismatch_behavior":"drop_block"}'


def asks_to_drop(view: RequestView) -> bool:
    """Whether the client itself lets the API drop such blocks."""
    binding = _thinking(view).get("block_binding")
    if not isinstance(binding, dict):
        return False
    return cast("dict[str, Any]", binding).get("prefix_mismatch_behavior") == "drop_block"


def can_ask_to_drop(view: RequestView) -> bool:
    """Whether the request has a `thinking` field that says nothing about it yet."""
    thinking = _thinking(view)
    return bool(thinking) and "block_binding" not in thinking


def asking_to_drop(view: RequestView) -> tuple[bytes, bytes]:
    """Prefix and suffix of the body, with the request to drop put into its `thinking` field; the
    rest of the field keeps its bytes."""
    start, end = view.spans["thinking"]
    value = view.body[start:end]
    asked = value[:-1].rstrip() + b"," + _BINDING + b"}"
    if end <= len(view.prefix):
        return view.prefix[:start] + asked + view.prefix[end:], view.suffix
    at = start - (len(view.body) - len(view.suffix))
    return view.prefix, view.suffix[:at] + asked + view.suffix[at + len(value) :]


def _thinking(view: RequestView) -> dict[str, Any]:
    span = view.spans.get("thinking")
    try:
        value: Any = msgspec.json.decode(view.body[slice(*span)]) if span else None
    except UNREADABLE:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


_IDENTITY_CHARS = 300


class _SystemBlock(msgspec.Struct):
    text: str = ""


_SYSTEM = msgspec.json.Decoder(list[_SystemBlock])


def build_body(view: RequestView, messages: Sequence[bytes], *, escape: bool = False) -> bytes:
    """The request's build_body with these messages; the very bytes that came when they are its own.
    ``escape``: it lets the API drop bound thinking."""
    if tuple(messages) == view.messages:
        return view.body
    separators = view.separators if len(view.separators) == 1 else (b",",)
    ask = escape and can_ask_to_drop(view)
    prefix, suffix = asking_to_drop(view) if ask else (view.prefix, view.suffix)
    return prefix + join(messages, separators) + suffix


def build_question(
    view: RequestView, *, model: str, max_tokens: int, order: str, text: str
) -> bytes:
    """The build_body of a request that asks ``model`` one thing, beside the view's own request."""
    return msgspec.json.encode(
        {
            "model": model,
            "max_tokens": max_tokens,
            "system": [*_identity(view), {"type": "text", "text": order}],
            "messages": [{"role": "user", "content": text}],
        }
    )


def asks_for_format(view: RequestView) -> bool:
    """Whether the answer has to be in a given format, by ``output_config.format``."""
    start, end = view.spans.get("output_config", (0, 0))
    try:
        config: Any = msgspec.json.decode(view.body[start:end] or b"null")
    except UNREADABLE:
        return False
    return isinstance(config, dict) and bool(cast("dict[str, Any]", config).get("format"))


def _identity(view: RequestView) -> list[dict[str, str]]:
    """The short blocks with which the client's system prompt begins: by them the API knows the
    clients that some credentials are good for."""
    try:
        blocks = _SYSTEM.decode(view.system or b"[]")
    except UNREADABLE:
        return []
    short = takewhile(lambda block: 0 < len(block.text) <= _IDENTITY_CHARS, blocks)
    return [{"type": "text", "text": block.text} for block in short]
