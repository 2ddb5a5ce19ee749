"""Assembles one answer from the entries of its stream: a sans-IO machine.

An answer is never spliced of two attempts: once something of one was handed on, the entries of a
newer one break it off.
"""

from collections.abc import Sequence

from palimpsest.exchanges.answer import Answer
from palimpsest.relay.entries import Entry, EntryKind, error_of, head_of


class AnswerAssembler:
    """``broken``: a newer attempt has taken over from one whose bytes were handed on.
    ``lacks_entries``: the stream lacks something that the database may have."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.broken = False
        self.lacks_entries = False
        self._fence = 0

    def feed(self, entries: Sequence[Entry]) -> None:
        """Entries in the order of the stream; they may come again, from any earlier one on."""
        newest = max((entry.fence for entry in entries), default=0)
        if newest > self._fence:
            self.broken = self.broken or self.answer.head is not None
            self._fence = newest
        for entry in entries:
            if entry.kind is EntryKind.RECORDED:
                self.lacks_entries = True
            elif entry.fence == self._fence and not self.broken and not self.answer.ended:
                self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        answer = self.answer
        if entry.offset > answer.size:
            self.lacks_entries = True
            return
        match entry.kind:
            case EntryKind.HEAD if answer.head is None:
                answer.begin(head_of(entry))
            case EntryKind.DATA if rest := entry.payload[answer.size - entry.offset :]:
                answer.write(rest)
            case EntryKind.END:
                answer.end()
            case EntryKind.ERROR:
                answer.fail(error_of(entry))
            case _:
                pass
