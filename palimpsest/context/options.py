"""What becomes of a request's context: by the settings, and by headers that overrule them."""

from collections.abc import Iterable
from dataclasses import dataclass

from palimpsest.context.model import ContextMode
from palimpsest.providers.headers import value_of
from palimpsest.runtime.errors import BadRequest
from palimpsest.runtime.foreign_values import parse_count

_MODE = b"x-palimpsest-context"
_CAP = b"x-palimpsest-context-cap"
_MEMORY = b"x-palimpsest-memory"
OPTION_HEADERS = (_MODE, _CAP, _MEMORY)
"""What a client may ask of us: the same body with others is another request."""


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """What applies to one request.

    mode: whether its context is rewritten
    cap: the most tokens a prompt may have, whatever the model's window; None: no cap
    """

    mode: ContextMode
    cap: int | None


def read_options(
    headers: Iterable[tuple[bytes, bytes]], defaults: ContextOptions
) -> ContextOptions:
    """What the headers ask for; raises BadRequest for what they cannot ask."""
    pairs = tuple(headers)
    mode, cap = value_of(pairs, _MODE), value_of(pairs, _CAP)
    modes = [known.value for known in ContextMode]
    if mode is not None and mode not in modes:
        raise BadRequest(f"x-palimpsest-context must be one of {', '.join(modes)}")
    tokens = defaults.cap if cap is None else parse_count(cap)
    if cap is not None and tokens is None:
        raise BadRequest("x-palimpsest-context-cap must be a number of tokens; 0 lifts the cap")
    return ContextOptions(
        defaults.mode if mode is None else ContextMode(mode),
        tokens or None,
    )


def check_options(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises BadRequest, as early as it can be known."""
    pairs = tuple(headers)
    read_options(pairs, ContextOptions(ContextMode.ON, None))
    if value_of(pairs, _MEMORY) not in (None, "off"):
        raise BadRequest("x-palimpsest-memory can only be off: nothing of the conversation is kept")


def allows_memory(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the conversation may be archived and have memories injected, as far as the client
    says."""
    return value_of(headers, _MEMORY) is None


def parse_cap(tokens: int) -> int | None:
    """A cap as settings and headers write it: 0 is none."""
    return tokens or None
