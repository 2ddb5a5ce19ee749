"""Bodies of Messages requests: the client's own with other messages, and one that asks a question
beside it."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, cast

import msgspec

from palimpsest.dialects.anthropic.thinking import asking_to_drop, can_ask_to_drop
from palimpsest.dialects.frame import join
from palimpsest.dialects.model import RequestView

_IDENTITY_CHARS = 300


class _SystemBlock(msgspec.Struct):
    text: str = ""


_SYSTEM = msgspec.json.Decoder(list[_SystemBlock])


def build_body(view: RequestView, messages: Sequence[bytes], *, escape: bool = False) -> bytes:
    """The request's build_body with these messages; the very bytes that came when they are its own.
    ``escape``: it lets the API drop bound thinking (see thinking.py)."""
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
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return False
    return isinstance(config, dict) and bool(cast("dict[str, Any]", config).get("format"))


def _identity(view: RequestView) -> list[dict[str, str]]:
    """The short blocks with which the client's system prompt begins: by them the API knows the
    clients that some credentials are good for."""
    try:
        blocks = _SYSTEM.decode(view.system or b"[]")
    except msgspec.MsgspecError:
        return []
    short = takewhile(lambda block: 0 < len(block.text) <= _IDENTITY_CHARS, blocks)
    return [{"type": "text", "text": block.text} for block in short]
