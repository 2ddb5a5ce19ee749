"""Where requests wait to be taken in: a bounded queue, in turn by caller, so that the many requests
of one do not starve another's. Nobody's body is read before its turn."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

from palimpsest.conversations.lineage import SESSION_HEADER
from palimpsest.exchanges.disconnects import Connection
from palimpsest.gateway.caller import credential_of
from palimpsest.providers.headers import RawHeaders, value_of
from palimpsest.runtime.errors import BadRequest, Draining, Overloaded

_LONGEST_SECONDS = 10.0

Key = tuple[Hashable, ...]
Release = Callable[[], None]


def key_of(headers: RawHeaders) -> Key:
    """Whose request it is: by credential, whatever its name, and session."""
    return credential_of(headers), value_of(headers, SESSION_HEADER)


class WaitingRoom:
    """``places``: how many requests are begun at once; ``longest``: how many may wait."""

    def __init__(self, places: int, longest: int) -> None:
        self._free = places
        self._longest = longest
        self._lines: OrderedDict[Key, deque[asyncio.Future[None]]] = OrderedDict()
        self.waiting = 0

    async def enter(self, key: Key, connection: Connection) -> Release:
        """Wait for a place; what gives it back, once, at the latest after 10 s. Raises Overloaded
        at once where too many wait, Draining when the process stops meanwhile."""
        if self._free:
            self._free -= 1
            return self._lease()
        if self.waiting >= self._longest:
            raise Overloaded("too many requests wait already; send it again")
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(key, deque()).append(turn)
        self.waiting += 1
        connection.on_lost = lambda: _refuse(turn, BadRequest("the client left"))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._give_on()
            raise
        finally:
            connection.on_lost = None
            self.waiting -= 1
        return self._lease()

    def close(self) -> None:
        """Let nobody wait any longer."""
        for line in self._lines.values():
            for turn in line:
                _refuse(turn, Draining("the proxy is stopping; send the request again"))
        self._lines.clear()

    def _lease(self) -> Release:
        given: list[bool] = []

        def release() -> None:
            if not given:
                given.append(True)
                timer.cancel()
                self._give_on()

        timer = asyncio.get_running_loop().call_later(_LONGEST_SECONDS, release)
        return release

    def _give_on(self) -> None:
        """The place goes to the caller whose turn it is."""
        while self._lines:
            key, line = self._lines.popitem(last=False)
            turn = line.popleft()
            if line:
                self._lines[key] = line
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _refuse(turn: asyncio.Future[None], error: Exception) -> None:
    if not turn.done():
        turn.set_exception(error)
