"""A conversation written as a transcript.

    user: Mend the parser.
    assistant: I look.
    call 1 Read: file_path=/src/a.py
    result 1 failed: no such file
    user: Try the other one.

One line is one block; neighbours of one role are one message, a blank line begins another. The
speakers are user, assistant, system, thinking, call (with a number, a tool, its arguments) and
result (with the call's number). ``$name`` stands for a text given by that name.
"""

import re
import shlex
from itertools import groupby
from string import Template

from tests.support.messages import Message, result, text, thought, use

_LINE = re.compile(
    r"(?P<who>user|assistant|system|thinking|call|result)"
    r"(?: (?P<number>\d+))?(?: (?P<more>\w+))?: ?(?P<words>.*)"
)
_ROLES = {"user": "user", "result": "user", "system": "system"}


def scenario(transcript: str, **texts: str) -> list[Message]:
    """Its messages; raises ValueError for a line that nobody says."""
    messages: list[Message] = []
    for part in re.split(r"\n\s*\n", transcript.strip()):
        said = [_said(line.strip(), texts) for line in part.splitlines()]
        for role, blocks in groupby(said, key=lambda pair: pair[0]):
            messages.append({"role": role, "content": [block for _, block in blocks]})
    return messages


def _said(line: str, texts: dict[str, str]) -> tuple[str, Message]:
    """The role and the block of a line."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"nobody says {line!r}")
    who, number = found["who"], int(found["number"] or 0)
    words = Template(found["words"]).substitute(texts)
    return _ROLES.get(who, "assistant"), _block(who, number, found["more"], words)


def _block(who: str, number: int, more: str | None, words: str) -> Message:
    if who == "thinking":
        return thought(words)
    if who == "call":
        pairs = (argument.partition("=") for argument in shlex.split(words))
        return use(number, more or "Read", **{name: value for name, _, value in pairs})
    if who == "result":
        return result(number, words, **({"is_error": True} if more == "failed" else {}))
    return text(words)
