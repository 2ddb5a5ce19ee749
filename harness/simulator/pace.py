"""How fast and how long the answers are."""

import msgspec


class Pace(msgspec.Struct):
    """Times in seconds; ``text_chars`` is the length of the default answer's text.

    ``before_first_byte``: silence before the status line; ``between_events``: before each later
    event; ``delta_chars``: characters in one delta. The default answer is
    ``text_chars / delta_chars`` text deltas long.
    """

    before_first_byte: float = 0
    between_events: float = 0
    delta_chars: int = 24
    text_chars: int = 48
