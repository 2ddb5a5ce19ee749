"""Quoted text in what Palimpsest itself says: on one line, short, and unable to pose as a tag or as
one of our own remarks."""

import re

from palimpsest.context.tool_exchanges import Call
from palimpsest.dialects.tokenizer import text_tokens

# Tags that a model takes for the client's word, or for ours.
_TAGS = re.compile(r"<(?=/?(?:palimpsest|system-reminder|system|function_|antml))", re.IGNORECASE)
_REMARK = re.compile(r"\[(?=palimpsest)", re.IGNORECASE)
_ARGUMENTS = (
    *("file_path", "notebook_path", "command", "pattern", "path", "url", "query", "subject"),
    *("skill", "description", "prompt", "task_id", "taskId", "id"),
)


def harmless(text: str) -> str:
    """The text with our tags and the client's made plain."""
    return _REMARK.sub("(", _TAGS.sub("&lt;", text))


def one_line(text: str) -> str:
    """Harmless, and without line breaks or runs of spaces."""
    return " ".join(harmless(text).split())


def clipped(text: str, tokens: int) -> str:
    """At most this many tokens of the text, with an ellipsis where it goes on."""
    cut = text[: 8 * max(tokens, 0)]
    if len(cut) == len(text) and text_tokens(text) <= tokens:
        return text
    while cut and text_tokens(cut + "…") > tokens:
        cut = cut[: len(cut) * 9 // 10]
    return cut.rstrip() + "…" if cut else ""


def argument(call: Call) -> str:
    """What a call was about: its file, command, pattern or the like, on one line."""
    named = (call.input.get(name) for name in _ARGUMENTS)
    texts = (value for value in (*named, *call.input.values()) if isinstance(value, str))
    return one_line(next((text for text in texts if text.strip()), "")[:2_000])
