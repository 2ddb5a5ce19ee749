"""The sections of a manifest: lines about what was cut, the most important first."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from palimpsest.context import tasks
from palimpsest.context.files import EDITS, Line, Lines
from palimpsest.context.quoting import argument, clipped, one_line
from palimpsest.context.readonly import only_reads
from palimpsest.context.tool_exchanges import Call

_REQUEST_TOKENS = 24
_COMMAND_TOKENS = 28
_ERROR_TOKENS = 24
_SENTENCE_TOKENS = 44
_LONGEST = 4_000
_SENTENCES = 2

_QUIET = (*EDITS, "TodoWrite", "TaskCreate", "TaskUpdate", "TaskList", "EnterPlanMode")
_CORRECTION = re.compile(
    r"(?i)\b(?:no|not|don'?t|never|always|instead|actually|wrong|rather|revert|stop|must)\b"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_LABELLED = re.compile(r"[\s*#>`-]*")
# Words with which one decides or concludes, and what they are worth.
_CUES = (
    (3, re.compile(r"(?i)\b(?:decid|decision|root cause|conclu|turns out|chose|the reason)")),
    (
        2,
        re.compile(
            r"(?i)\b(?:because|instead of|should (?:not )?be|must|the (?:bug|problem|issue|fix)"
            r"|found|confirmed|will use|won't|cannot|is caused by|fails?\b|failed)"
        ),
    ),
    (1, re.compile(r"(?i)\b(?:fixed|works|pass(?:es|ed)?|done|complete|so that|means|wrong)\b")),
)


def user_requests(requests: Iterable[tuple[int, str]]) -> Lines:
    """The first words of each; corrections before others, the newest first."""
    said = [(position, text) for position, text in requests if text.strip()]
    said.sort(key=lambda one: (not _CORRECTION.search(one[1][:_LONGEST]), -one[0]))
    lines = (
        Line(position, f'#{position} "{clipped(one_line(text[:_LONGEST]), _REQUEST_TOKENS)}"')
        for position, text in said
    )
    return Lines(len(said), lines)


def commands(calls: Sequence[Call]) -> Lines:
    """What was run and how it ended: what may have changed something first, then the newest. Of
    the same command several times, the last."""
    run = [
        (call, (call.name, argument(call)))
        for call in calls
        if call.name == "Bash" or not _is_quiet(call)
    ]
    times = Counter(command for _, command in run)
    last = {command: call for call, command in run}
    order = sorted(last.items(), key=lambda pair: (only_reads(pair[1]), -pair[1].result_position))
    lines = (
        Line(-call.result_position, _outcome(call, command[1], times[command]))
        for command, call in order
    )
    return Lines(len(order), lines)


def decisions(notes: Iterable[tuple[int, str]]) -> Lines:
    """Sentences of the assistant that decide, conclude or find; the strongest first."""
    weighed = [
        (-weight, -position, sentence)
        for position, text in notes
        for weight, sentence in _conclusions(text[:_LONGEST])
    ]
    weighed.sort()
    lines = (
        Line(position, f"#{-position} {clipped(sentence, _SENTENCE_TOKENS)}")
        for _, position, sentence in weighed
    )
    return Lines(len(weighed), lines)


def open_tasks(calls: Sequence[Call]) -> Lines:
    """The last list of TodoWrite, and the tasks that were made and not closed."""
    lists = [call for call in calls if call.name == "TodoWrite"]
    todos = _todos(lists[-1].input.get("todos")) if lists else ()
    made = (f"Task {number} {_task(task)}" for number, task in tasks.open_tasks(calls).items())
    found = (*todos, *made)
    lines = (Line(at, clipped(one_line(task), _REQUEST_TOKENS)) for at, task in enumerate(found))
    return Lines(len(found), lines)


def _is_quiet(call: Call) -> bool:
    return call.name in _QUIET or only_reads(call)


def _outcome(call: Call, about: str, times: int) -> str:
    ran = clipped(about, _COMMAND_TOKENS)
    ran = ran if call.name == "Bash" else f"{one_line(call.name)[:64]}({ran})"
    again = f" ({times}x)" if times > 1 else ""
    if not call.is_error:
        return f"#{call.result_position} {ran}{again}"
    error = clipped(one_line(call.output[:_LONGEST]), _ERROR_TOKENS)
    return f"#{call.result_position} {ran}{again} FAILED: {error}"


@lru_cache(2_048)
def _conclusions(text: str) -> tuple[tuple[int, str], ...]:
    sentences = [one_line(_LABELLED.sub("", part, count=1)) for part in _SENTENCE.split(text)]
    weighed = [
        (sum(weight for weight, cue in _CUES if cue.search(sentence)), sentence)
        for sentence in sentences
        if len(sentence) > 20
    ]
    strong = [pair for pair in weighed if pair[0] > 0]
    return tuple(sorted(strong, key=lambda pair: -pair[0])[:_SENTENCES])


def _task(calls: Sequence[Call]) -> str:
    """Its last status, and what it is about."""
    said = (str(call.input.get("status")) for call in calls[1:])
    changes = [status for status in said if status != "None"]
    return f"[{changes[-1] if changes else 'pending'}] {argument(calls[0])}"


def _todos(todos: object) -> Iterator[str]:
    if isinstance(todos, list):
        for todo in todos:  # pyright: ignore[reportUnknownVariableType]
            if isinstance(todo, dict) and todo.get("status") != "completed":  # pyright: ignore
                yield f"[{todo.get('status')}] {todo.get('content')}"  # pyright: ignore
