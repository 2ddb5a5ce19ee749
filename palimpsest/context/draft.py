"""A draft of an epoch: the decisions so far, and the size of the prompt with them."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from palimpsest.context.history import History
from palimpsest.context.model import Decision, Edit, Reason
from palimpsest.context.render import edit_message


class Draft:
    """Decisions over a history. ``bound``, where thinking is bound to what is before it: the first
    message that was changed before, at most the number of all. Thinking from there on, or after
    the first change now, is not valid any more and goes. Tokens are before the model's ratio."""

    def __init__(self, history: History, bound: int | None = None) -> None:
        self.history = history
        self._bound = bound
        self._drops: dict[int, Reason] = {}
        self._thinking: dict[int, Reason] = {}
        self._edits: defaultdict[int, dict[int, Edit]] = defaultdict(dict)
        self._appended: defaultdict[int, list[bytes]] = defaultdict(list)
        self._sizes = list(history.tokens)

    @property
    def changed(self) -> set[int]:
        """The positions that something was decided about."""
        return {*self._drops, *self._thinking, *self._edits, *self._appended}

    @property
    def total(self) -> int:
        """Tokens of all messages as they would be sent."""
        return self.total_from(len(self._sizes))

    def total_from(self, first: int) -> int:
        """The total, if the first change were at ``first`` at the latest."""
        return sum(self._sizes) - sum([tokens for _, tokens in self._unsound(first)])

    def size(self, position: int) -> int:
        """Tokens of one message as it would be sent; bound thinking does not count."""
        hidden = 0 if self._bound is None else self.history.thinking.get(position, 0)
        return max(0, self._sizes[position] - (0 if position in self._thinking else hidden))

    def dropped(self, position: int) -> bool:
        return position in self._drops

    def edited(self, position: int, block: int) -> bool:
        """Whether this block was replaced or dropped."""
        return block in self._edits.get(position, {})

    def stub(self, position: int, block: int) -> str | None:
        """What a result's stub says, if what it stands for is nowhere else in the prompt."""
        edit = self._edits.get(position, {}).get(block)
        if edit is None or edit.content is None or edit.reason is Reason.DUPLICATE:
            return None
        return self.history.dialect.block(edit.content).result_text()

    def drop(self, position: int, reason: Reason) -> None:
        """Leave the whole message out."""
        self._drops[position] = reason
        self._sizes[position] = 0

    def edit(self, position: int, edit: Edit) -> None:
        """Replace or drop one block; a message whose last block goes is dropped."""
        self._edits[position][edit.block] = edit
        gone = {block for block, made in self._edits[position].items() if made.content is None}
        if gone.issuperset(number for number, _ in self.history.messages[position].numbered()):
            self.restore(position)
            self.drop(position, edit.reason)
        else:
            self._measure(position)

    def strip(self, position: int, reason: Reason) -> None:
        """Leave the message's thinking out."""
        self._thinking[position] = reason
        self._measure(position)

    def append(self, position: int, block: bytes) -> None:
        """Put a block at the message's end."""
        self._appended[position].append(block)
        self._measure(position)

    def restore(self, position: int) -> None:
        """Take back what was decided about a message."""
        for decided in (self._drops, self._thinking, self._edits, self._appended):
            decided.pop(position, None)
        self._sizes[position] = self.history.tokens[position]

    def decisions(self) -> tuple[Decision, ...]:
        """All decisions, those about bound thinking included, in order."""
        unsound = {position for position, _ in self._unsound(len(self._sizes))}
        positions = sorted(self.changed | unsound)
        return tuple(self._decision(position, bound=position in unsound) for position in positions)

    def _decision(self, position: int, *, bound: bool) -> Decision:
        drop, thinking = self._drops.get(position), self._thinking.get(position)
        if bound and position in self.history.thinking:
            thinking = Reason.BOUND_THINKING
        elif bound:
            drop = Reason.BOUND_THINKING
        edits = self._edits.get(position, {})
        return Decision(
            position,
            drop,
            thinking,
            tuple(edits[block] for block in sorted(edits)),
            tuple(self._appended.get(position, ())),
            self.history.tokens[position],
            0 if drop else self.size(position) if bound else self._sizes[position],
        )

    def _unsound(self, first: int) -> Iterator[tuple[int, int]]:
        """Where there is thinking that a change makes invalid, and its tokens. The first change is
        at ``first`` at the latest."""
        if self._bound is None:
            return
        drops, stripped = self._drops, self._thinking
        first = min(chain((first, self._bound - 1), drops, stripped, self._edits, self._appended))
        for position, tokens in self.history.thinking.items():
            if position > first and position not in drops and position not in stripped:
                yield position, tokens
        for position in self.history.only_thinking:
            if position > first and position not in drops and position not in stripped:
                yield position, self._sizes[position]

    def _measure(self, position: int) -> None:
        decision = Decision(
            position,
            thinking=self._thinking.get(position),
            edits=tuple(self._edits.get(position, {}).values()),
            append=tuple(self._appended.get(position, ())),
        )
        self._sizes[position] = self.history.size(
            edit_message(self.history.dialect, self.history.raw[position], decision)
        )
