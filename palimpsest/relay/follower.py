"""The read side of one answer, as a sans-IO machine: entries in, the answer written.

An answer is never spliced of two attempts: once something of one was handed on, the entries of a
newer one break it off.
"""

from collections.abc import Sequence

from palimpsest.exchanges.answer import Answer
from palimpsest.relay.entries import Entry, error_of, head_of


class Follower:
    """``broken``: a newer attempt has taken over from one whose bytes were handed on.
    ``must_look``: the stream lacks something that the database may have."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.broken = False
        self.must_look = False
        self._epoch = 0

    def feed(self, entries: Sequence[Entry]) -> None:
        """Entries in the order of the stream; they may come again, from any earlier one on."""
        newest = max((entry.epoch for entry in entries), default=0)
        if newest > self._epoch:
            self.broken = self.broken or self.answer.head is not None
            self._epoch = newest
        for entry in entries:
            if entry.kind == "recorded":
                self.must_look = True
            elif entry.epoch == self._epoch and not self.broken and not self.answer.ended:
                self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        answer = self.answer
        if entry.offset > answer.size:
            self.must_look = True
            return
        match entry.kind:
            case "head" if answer.head is None:
                answer.begin(head_of(entry))
            case "data" if rest := entry.payload[answer.size - entry.offset :]:
                answer.write(rest)
            case "end":
                answer.end()
            case "error":
                answer.fail(error_of(entry))
            case _:
                pass
