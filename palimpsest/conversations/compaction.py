"""The client's own compaction: what it leaves is a history that begins with its summary."""

import re

from palimpsest.dialects.model import RequestView, Role

_SUMMARY = re.compile(r"\s*This session is being continued from a previous conversation")


def is_compacted(view: RequestView) -> bool:
    """Whether the first of a request's messages is such a summary; reminders may stand around it
    in blocks of their own."""
    first = view.dialect.message(view.messages[0])
    return first.role is Role.USER and any(_SUMMARY.match(block.text()) for block in first.blocks)
