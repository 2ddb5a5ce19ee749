"""How a request's context is treated: by the settings, and by its own headers that overrule them.

`off` decides nothing new, `observe` decides and records what would be sent, and sends what came,
`on` sends it. What was decided before is carried out in every mode.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from palimpsest.providers.headers import value_of
from palimpsest.runtime.errors import BadRequest

Mode = Literal["off", "observe", "on"]

_MODE = b"x-palimpsest-context"
_CAP = b"x-palimpsest-context-cap"
_MEMORY = b"x-palimpsest-memory"
_MODES = ("off", "observe", "on")


@dataclass(frozen=True, slots=True)
class Treatment:
    """``cap``: the most tokens a prompt may have, whatever the model's window; None: no cap."""

    mode: Mode
    cap: int | None


def treatment(headers: Iterable[tuple[bytes, bytes]], usual: Treatment) -> Treatment:
    """What the headers ask for; raises BadRequest for what they cannot ask."""
    pairs = tuple(headers)
    mode, cap = value_of(pairs, _MODE), value_of(pairs, _CAP)
    if mode is not None and mode not in _MODES:
        raise BadRequest(f"x-palimpsest-context must be one of {', '.join(_MODES)}")
    if cap is not None and not (cap.isascii() and cap.isdigit()):
        raise BadRequest("x-palimpsest-context-cap must be a number of tokens; 0 lifts the cap")
    return Treatment(
        mode or usual.mode,
        usual.cap if cap is None else (int(cap) or None),
    )


def check_treatment(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises BadRequest, as early as it can be known."""
    pairs = tuple(headers)
    treatment(pairs, Treatment("on", None))
    if value_of(pairs, _MEMORY) not in (None, "off"):
        raise BadRequest("x-palimpsest-memory can only be off: nothing of the conversation is kept")


def remembers(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the conversation may be kept and recalled for, as far as the client says."""
    return value_of(headers, _MEMORY) is None


def capped(tokens: int) -> int | None:
    """A cap as settings and headers write it: 0 is none."""
    return tokens or None
