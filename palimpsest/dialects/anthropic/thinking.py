"""The API's own way out for thinking that is bound to what was changed: it may drop the blocks.

`thinking.block_binding.prefix_mismatch_behavior: "drop_block"`, with the beta header that goes
with it.
"""

from typing import Any, cast

import msgspec

from palimpsest.dialects.model import RequestView

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
    value = msgspec.json.decode(view.body[slice(*span)]) if span else None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
