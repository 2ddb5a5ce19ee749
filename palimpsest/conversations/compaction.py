"""The client's own compaction: what it leaves is a history that begins with its summary."""

import re
from collections.abc import Sequence

from palimpsest.dialects.anthropic.blocks import take_apart

_SUMMARY = re.compile(r"\s*This session is being continued from a previous conversation")


def is_compacted(messages: Sequence[bytes]) -> bool:
    """Whether the first of a request's messages is such a summary; reminders may stand around it
    in blocks of their own."""
    if not messages:
        return False
    first = take_apart(messages[0])
    return first.role == "user" and any(_SUMMARY.match(block.text()) for block in first.blocks)
