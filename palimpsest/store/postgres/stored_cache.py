"""What this process knows to be stored, so that an unchanged history is not sent again."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

TTL_SECONDS = 1800.0
"""Well under the hour for which retention spares whatever a request referred to."""
CAPACITY = 4_096


class StoredCache:
    """Hashes of blobs and nodes that a request referred to which was committed less than
    `TTL_SECONDS` ago; a node stands for its whole history, so a turn adds its newest ones."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._since: OrderedDict[bytes, float] = OrderedDict()
        self._clock = clock
        self.erasure = 0
        """The number of the last erasure of content that was heard of."""

    def __contains__(self, key: bytes) -> bool:
        since = self._since.get(key)
        return since is not None and self._clock() - since < TTL_SECONDS

    def add_committed(self, keys: Iterable[bytes], erasure: int = 0) -> None:
        """Call after the commit only, with the erasure's number that it told of: what was stored
        before an erasure may be gone."""
        if erasure < self.erasure:
            return
        if erasure > self.erasure:
            self._since.clear()
            self.erasure = erasure
        now = self._clock()
        for key in keys:
            self._since[key] = now
            self._since.move_to_end(key)
        while len(self._since) > CAPACITY:
            self._since.popitem(last=False)
