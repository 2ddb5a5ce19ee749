"""The prompt cache's books: what a request reads, writes and pays in full.

A *piece* is one block of the prompt in its order: tools, system, messages. An entry is the chain
hash of all pieces up to a breakpoint; it is found by looking back from a breakpoint over at most
20 pieces, and lives for its TTL since it was last used. Per api key and model.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from harness.simulator.canonical import digest, link
from harness.simulator.models import Model
from harness.simulator.shape import Obj

Ttl = Literal["5m", "1h"]
SECONDS: dict[Ttl, int] = {"5m": 300, "1h": 3600}
LOOKBACK = 20

Key = tuple[bytes, bytes]


@dataclass(frozen=True)
class Piece:
    """One block: the hash of its canonical form, its tokens, and its marker's TTL if it has one."""

    digest: bytes
    tokens: int
    ttl: Ttl | None = None


@dataclass(frozen=True)
class Plan:
    """What one request reads and writes, in tokens; ``entries`` are kept when it is answered."""

    read: int
    written_5m: int
    written_1h: int
    uncached: int
    entries: list[tuple[Key, Ttl]] = field(default_factory=list[tuple[Key, Ttl]])

    def usage(self) -> Obj:
        """The input side of the API's ``usage``."""
        return {
            "input_tokens": self.uncached,
            "cache_creation_input_tokens": self.written_5m + self.written_1h,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written_5m,
                "ephemeral_1h_input_tokens": self.written_1h,
            },
        }


class PromptCache:
    """The entries of all keys. ``clock`` gives seconds and may be moved by a test."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[Key, tuple[float, Ttl]] = {}

    def plan(self, pieces: list[Piece], key: str, model: Model) -> Plan:
        """What this prompt would read and write now; changes nothing."""
        owner = digest([key, model.prefix])
        chain: list[bytes] = []
        upto: list[int] = []
        at, tokens = owner, 0
        for piece in pieces:
            at, tokens = link(at, piece.digest), tokens + piece.tokens
            chain.append(at)
            upto.append(tokens)
        marks: list[tuple[int, Ttl]] = [
            (i, piece.ttl)
            for i, piece in enumerate(pieces)
            if piece.ttl is not None and upto[i] >= model.cache_minimum
        ]
        if not marks:
            return Plan(0, 0, 0, tokens)
        hit = self._hit(owner, chain, [i for i, _ in marks])
        read = upto[hit] if hit >= 0 else 0
        last = upto[marks[-1][0]]
        longest = max((upto[i] for i, ttl in marks if ttl == "1h"), default=0)
        written_1h = max(0, longest - read)
        entries: list[tuple[Key, Ttl]] = [((owner, chain[i]), ttl) for i, ttl in marks]
        if hit >= 0:
            found = (owner, chain[hit])
            entries.append((found, self._entries[found][1]))
        written_5m = max(0, last - max(longest, read))
        return Plan(read, written_5m, written_1h, tokens - max(last, read), entries)

    def _hit(self, owner: bytes, chain: list[bytes], marks: list[int]) -> int:
        now = self._clock()
        for mark in reversed(marks):
            for i in range(mark, max(-1, mark - LOOKBACK), -1):
                entry = self._entries.get((owner, chain[i]))
                if entry is not None and entry[0] > now:
                    return i
        return -1

    def commit(self, plan: Plan) -> None:
        """The request is being answered: its entries exist and are fresh."""
        now = self._clock()
        for key, ttl in plan.entries:
            held = self._entries.get(key)
            if held is not None and held[0] > now and SECONDS[held[1]] > SECONDS[ttl]:
                ttl = held[1]
            self._entries[key] = (now + SECONDS[ttl], ttl)

    def clear(self) -> None:
        """Every entry is gone."""
        self._entries.clear()
