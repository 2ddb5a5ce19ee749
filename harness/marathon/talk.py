"""What the model of an endless conversation says, and what its tools and its user answer."""

import random
from collections.abc import Callable

from harness.simulator import View
from harness.simulator.content import text, thinking, tool
from harness.simulator.shape import Obj

TURN = 25
"""Steps of the model from one human message to the next."""

_PARALLEL, _AGAIN, _REMINDED, _INTERRUPTED = 0.05, 0.05, 0.04, 0.02
_MEDIAN, _SPREAD, _MOST = 3_000, 1.0, 40_000
"""Characters of a tool's output."""

_WORDS = [
    "queue", "worker", "lease", "socket", "header", "ledger", "prefix", "window", "budget",
    "anchor", "cursor", "vector", "kernel", "stream", "marker", "vessel", "harbor", "copper",
    "violet", "meadow", "lantern", "granite", "willow", "ember",
]  # fmt: skip


class Talk:
    """Everything follows from ``seed``; ``growth`` makes outputs that much longer. ``model`` is a
    simulator's generator."""

    def __init__(self, seed: str, growth: float = 1) -> None:
        self._random, self._median = random.Random(seed), _MEDIAN * growth
        self._files = [f"/srv/app/{a}/{b}.py" for a in _WORDS[:12] for b in _WORDS[12:]]
        self._outputs: list[str] = []
        self._steps = self._requests = 0

    def system(self) -> str:
        return "\n".join(self._sentence(40) for _ in range(80))

    def tools(self) -> list[Obj]:
        """As many tokens as Claude Code's, about."""
        schema = {"type": "object", "properties": {"path": {"type": "string"}}}
        return [
            {"name": name, "description": self._sentence(300), "input_schema": schema}
            for name in ("Read", "Bash", "Edit", "Grep", "Glob", "Write", "Agent", "Skill")
        ]

    def human(self) -> Obj:
        self._requests += 1
        return text(f"Request {self._requests}: {self._sentence(30)}")

    def reminds(self) -> bool:
        """Whether the client has something to say as the system in the midst of a tool loop."""
        return self._random.random() < _REMINDED

    def reminder(self) -> Obj:
        return text(f"Reminder: {self._sentence(60)}")

    def model(self, _view: View) -> list[Obj]:
        """One step: thinking, words now and then, one call or some at once; or the turn's end."""
        self._steps += 1
        thought = thinking(self._sentence(self._random.randrange(5, 60)))
        if self._steps % TURN == 0:
            return [thought, text(f"Done: {self._sentence(40)}")]
        said = [text(self._sentence(20))] if self._random.random() < 0.3 else []
        calls = self._random.randrange(2, 4) if self._random.random() < _PARALLEL else 1
        return [thought, *said, *(self._call() for _ in range(calls))]

    def results(self, content: list[Obj]) -> list[Obj]:
        """The answers to all calls; now and then, and more often to a turn's first, with the words
        of a human who interrupts."""
        found = [self._result(block) for block in content if block["type"] == "tool_use"]
        often = 10 if self._steps % TURN == 1 else 1
        interrupted = self._random.random() < _INTERRUPTED * often
        return [*found, self.human()] if found and interrupted else found

    def _result(self, call: Obj) -> Obj:
        """Now and then the very same as an earlier one."""
        if self._outputs and self._random.random() < _AGAIN:
            output = self._random.choice(self._outputs)
        else:
            size = min(_MOST, int(self._random.lognormvariate(0, _SPREAD) * self._median))
            output = self._random.choice((self._code, self._log))(max(40, size))
            self._outputs = [*self._outputs[-50:], output]
        return {"type": "tool_result", "tool_use_id": call["id"], "content": output}

    def _call(self) -> Obj:
        path = self._random.choice(self._files)
        kinds: tuple[Callable[[], Obj], ...] = (
            lambda: tool("Read", file_path=path),
            lambda: tool("Bash", command=f"pytest {path} -k {self._random.choice(_WORDS)}"),
            lambda: tool("Grep", pattern=self._random.choice(_WORDS), path=path),
            lambda: tool("Edit", file_path=path, old_string=self._code(120), new_string="pass"),
        )
        return self._random.choice(kinds)()

    def _sentence(self, words: int) -> str:
        return " ".join(self._random.choices(_WORDS, k=words)).capitalize() + "."

    def _code(self, size: int) -> str:
        return self._lines(size, self._statement)

    def _log(self, size: int) -> str:
        return self._lines(size, self._event)

    def _lines(self, size: int, line: Callable[[int], str]) -> str:
        lines: list[str] = []
        while size > 0:
            lines.append(line(len(lines)))
            size -= len(lines[-1])
        return "".join(lines)

    def _statement(self, _number: int) -> str:
        (one, other), key = self._random.choices(_WORDS, k=2), self._random.getrandbits(16)
        return f"    {one}_{key} = self.{other}({key}, {one!r})  # {other}\n"

    def _event(self, number: int) -> str:
        word, job = self._random.choice(_WORDS), self._random.getrandbits(32)
        return f"12:00:{number % 60:02} {word} job={job:08x} took {job % 9973} ms\n"
