"""Extracts all candidates from the messages of a conversation. Deterministic, and reads nothing
else."""

from collections.abc import Sequence

from palimpsest.context.tool_exchanges import find_tool_exchanges
from palimpsest.dialects.model import Message
from palimpsest.learning.candidate import Candidate
from palimpsest.learning.co_changes import find_co_changes
from palimpsest.learning.corrections import find_corrections
from palimpsest.learning.fixes import find_fixes
from palimpsest.learning.recipes import find_recipes


def extract_candidates(messages: Sequence[Message], project: str = "") -> list[Candidate]:
    """The candidates in the order of their positions. ``project`` is the working directory: paths
    below it are made relative."""
    calls = [call for exchange in find_tool_exchanges(messages) for call in exchange.calls]
    found = [
        *find_fixes(calls, project),
        *find_recipes(calls, project),
        *find_corrections(messages),
        *find_co_changes(messages, calls, project),
    ]
    return sorted(found, key=lambda one: one.position)
