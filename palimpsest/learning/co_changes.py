"""Finds files that change together: for most requests that changed one, the other changed too.

A source file and its own test are left out, since that is no news.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import PurePosixPath

from palimpsest.context.speech import Speech, speech
from palimpsest.context.tool_exchanges import Call
from palimpsest.dialects.model import Message, Role
from palimpsest.learning.candidate import Candidate
from palimpsest.learning.edits import find_edits
from palimpsest.learning.model import CandidateKind
from palimpsest.memory.model import Pattern

_TEST = re.compile(r"^test[_-]|[_-](?:test|spec)s?$|Tests?$|Spec$")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_OFTEN = 2
_MOST_FILES = 4
_MOSTLY = 0.6
_CONFIDENT, _HARDLY = 0.5, 0.3


def find_co_changes(
    messages: Sequence[Message], calls: Iterable[Call], project: str = ""
) -> list[Candidate]:
    """The pairs of files that changed together for at least two requests, or for one where their
    names are alike, and seldom apart. Requests that changed many files are left out."""
    starts = [at for at, message in enumerate(messages) if _is_request(message)]
    changed: defaultdict[int, set[str]] = defaultdict(set)
    last: dict[str, int] = {}
    for call in calls:
        for edit in find_edits(call, project):
            if not edit.file.startswith(("/", "~")):
                request = sum(start <= call.position for start in starts)
                changed[request].add(edit.file)
                last[edit.file] = call.result_position
    alone = Counter(file for files in changed.values() for file in files)
    pairs = Counter(
        pair
        for files in changed.values()
        if len(files) <= _MOST_FILES
        for pair in combinations(sorted(files), 2)
    )
    return [
        _candidate(one, other, max(last[one], last[other]), times)
        for (one, other), times in pairs.items()
        if times >= _MOSTLY * max(alone[one], alone[other])
        and (times >= _OFTEN or _have_similar_names(one, other))
        and not _is_its_test(one, other)
    ]


def _candidate(one: str, other: str, position: int, times: int) -> Candidate:
    pattern = Pattern(f"When `{one}` changes", (f"see whether `{other}` has to change too",))
    confidence = _CONFIDENT if times >= _OFTEN else _HARDLY
    return Candidate(CandidateKind.CO_CHANGE, pattern, position, confidence, (one, other))


def _is_request(message: Message) -> bool:
    texts = (block.text() for block in message.blocks)
    return message.role is Role.USER and any(
        speech(text) is Speech.HUMAN for text in texts if text.strip()
    )


def _have_similar_names(one: str, other: str) -> bool:
    """Whether their names share half of the words."""
    names = (_TEST.sub("", PurePosixPath(path).name.partition(".")[0]) for path in (one, other))
    a, b = (set(_WORD.findall(name)) for name in names)
    return len(a & b) * 2 >= max(len(a), len(b))


def _is_its_test(one: str, other: str) -> bool:
    """Whether one is the test of the other, by their names."""
    a, b = (PurePosixPath(path).name.partition(".")[0] for path in (one, other))
    if not (_TEST.search(a) or _TEST.search(b)):
        return False
    stems = _TEST.sub("", a), _TEST.sub("", b)
    return stems[0] in stems[1] or stems[1] in stems[0]
