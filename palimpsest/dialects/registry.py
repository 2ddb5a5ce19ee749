"""The dialects that requests come in, by name."""

from palimpsest.dialects.anthropic.dialect import DIALECT as ANTHROPIC
from palimpsest.dialects.model import Dialect

DEFAULT: Dialect = ANTHROPIC
"""What a body is in that was recorded without its dialect's name."""

_DIALECTS: dict[str, Dialect] = {ANTHROPIC.name: ANTHROPIC}


def dialect_named(name: str) -> Dialect:
    """Raises KeyError for a name that no dialect has."""
    return _DIALECTS[name]
