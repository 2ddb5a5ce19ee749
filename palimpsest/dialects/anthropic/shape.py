"""Refuses bodies of absurd shapes before anything else is done with them: what takes them apart
holds the interpreter, and all other requests wait (docs/adr/0032)."""

import re

from palimpsest.runtime.errors import BadRequest

MOST_VALUES = 500_000
"""Fields and items of a whole body. A prompt of a million tokens has some 50,000: a text, an image
or a result of a tool is one value, however long it is."""
MOST_FIELDS = 1_000
"""Of the body itself; the API knows some twenty, and refuses others."""

# Possessive: what was taken for a string is never looked at again.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[,:]', re.DOTALL)
_SEPARATORS = (b",", b":")
_QUOTE = ord('"')


def check_shape(body: bytes) -> int:
    """Raises BadRequest for a body with more than `MOST_VALUES` values, as early as that is known.
    Nearly all bodies have fewer commas and colons, in texts and between values together; returns
    how many those are, at most."""
    separators = sum(map(body.count, _SEPARATORS))
    if separators <= MOST_VALUES:
        return separators
    found = 0
    for token in _TOKEN.finditer(body):
        found += body[token.start()] != _QUOTE
        if found > MOST_VALUES:
            raise BadRequest(f"the request has more than {MOST_VALUES} values")
    return found
