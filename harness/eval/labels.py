"""The labels: each was set by reading the candidate where it comes from. They hold no text.

``right``: it is true of this project as it is worded, and of use when the same occasion comes
again. A fix is right if its remedy is what ended the error, and would end it elsewhere.
"""

from pathlib import Path

import msgspec

PATH = Path(__file__).parent / "labels.json"


class Label(msgspec.Struct, frozen=True):
    """``session`` and ``position`` say where the candidate was read, ``key`` what it said."""

    session: str
    position: int
    what: str
    key: str
    right: bool


def labels(path: Path = PATH) -> dict[str, Label]:
    """By key."""
    return {label.key: label for label in msgspec.json.decode(path.read_bytes(), type=list[Label])}


def interval(right: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if not of:
        return 0.0, 1.0
    share, spread = right / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * (share * (1 - share) / of + spread / (4 * of)) ** 0.5 / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
