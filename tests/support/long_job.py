"""A long job for an agent: it reads a log piece by piece and keeps notes, for some prompts."""

import random
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

from harness.simulator import View
from harness.simulator.content import text, thinking, tool
from harness.simulator.tokens import Tokens

LINES = 300
"""Of the log in one piece: some 25,000 characters, which Claude Code shows whole."""

_BETWEEN_NOTES = 8
_COMPACTION = "Your task is to create a detailed summary of the conversation"

Step = list[dict[str, Any]]


class Job:
    """The log and the notes, in ``directory``; ``model`` answers one request after the other."""

    def __init__(self, directory: Path, *, tokens: int, ratio: float) -> None:
        """A log of at least that many tokens; ``ratio`` is the model's to cl100k."""
        self._notes = directory / "notes.md"
        rows = _rows(random.Random(1))
        sample = Tokens().text("".join(islice(rows, LINES)))
        self._pieces = 1 + int(1.01 * tokens / (sample * ratio))
        (directory / "service.log").write_text("".join(islice(rows, self._pieces * LINES)))
        self._steps: Iterator[Step] = iter(())
        self._expected = ["- end"]
        self.answered = self.compactions = 0

    def prompt(self, part: int, parts: int) -> str:
        """The human's words for a part of the log, which the next requests are about."""
        share = -(-self._pieces // parts)
        first = part * share
        self._steps = self._work(part, range(first, min(first + share, self._pieces)))
        return f"Part {part + 1} of {parts}: read on from piece {first} and take notes."

    def model(self, view: View) -> Step:
        """The next step, whatever the proxy has made of the ones before."""
        self.answered += 1
        if _COMPACTION in str(view.messages[-1]):
            self.compactions += 1
            return [text("<summary>Much was read.</summary>")]
        return next(self._steps)

    @property
    def notes(self) -> list[str]:
        """What the agent has written."""
        return self._notes.read_text().splitlines()

    @property
    def noted(self) -> list[str]:
        """What it was told to write."""
        return self._expected

    def _work(self, part: int, pieces: range) -> Iterator[Step]:
        path = str(self._notes)
        if part == 0:
            yield [thinking("Notes first."), tool("Write", file_path=path, content="- end\n")]
        yield [tool("Read", file_path=path)]
        for start in range(pieces.start, pieces.stop, _BETWEEN_NOTES):
            some = range(start, min(start + _BETWEEN_NOTES, pieces.stop))
            yield [thinking("Two at once."), text("On."), *map(self._piece, some[:2])]
            yield from ([thinking(f"Piece {n}."), self._piece(n)] for n in some[2:])
            note = f"- read {some[0]} to {some[-1]}"
            self._expected.insert(-1, note)
            edit = {"old_string": "- end", "new_string": f"{note}\n- end"}
            yield [thinking("A note."), tool("Edit", file_path=path, **edit)]
        yield [thinking("All read."), text(f"Part {part + 1} is done.")]

    def _piece(self, number: int) -> dict[str, Any]:
        first = number * LINES + 1
        command = f"sed -n {first},{first + LINES - 1}p service.log"
        return tool("Bash", command=command, description=f"Read piece {number}")


def _rows(rng: random.Random) -> Iterator[str]:
    words = ["started", "stopped", "retried", "queued", "dropped"]
    for number in count(1):
        job, worker, ms = rng.getrandbits(40), rng.randrange(64), rng.randrange(90_000)
        word, size = rng.choice(words), rng.getrandbits(16)
        yield f"{number:06} worker-{worker:02} job {job:010x} {word} after {ms} ms, {size} bytes\n"
