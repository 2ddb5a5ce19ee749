"""The client's cache markers: how long what they mark is kept by the provider."""

import re

from palimpsest.dialects.model import RequestView

FIVE_MINUTES = 300.0
HOUR = 3600.0
_HOUR_MARK = re.compile(rb'"ttl"\s*:\s*"1h"')
_NEWEST = 3


def cache_ttl(view: RequestView) -> float:
    """Seconds: an hour if any marker of the frame or the newest messages asks for it."""
    places = (view.prefix, view.suffix, *view.messages[-_NEWEST:])
    return HOUR if any(_HOUR_MARK.search(place) for place in places) else FIVE_MINUTES
