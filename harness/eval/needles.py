"""Unique facts planted in a session, by a fixed seed, in the user's words and in tool results.

A needle is found again by its key, a word that occurs nowhere else. Positions are drawn over the
whole length of the session, places within a result over all its lines.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from harness.eval.sessions import Session


class NeedlePlace(StrEnum):
    """In the user's words, or in a tool's result."""

    USER = "user"
    TOOL = "tool"


USER_NEEDLES = 4
TOOL_NEEDLES = 10
_LEAST_CHARS = 300
_NAMES = ("orion", "juniper", "halcyon", "marrow", "tessel", "quillon", "vesper", "brindle")


@dataclass(frozen=True)
class Needle:
    """``key`` is to be found in what is sent; ``position``: of the message that holds it."""

    where: NeedlePlace
    shape: str
    key: str
    text: str
    position: int


def plant_needles(session: Session) -> tuple[Session, list[Needle]]:
    """The session with needles in it; fewer where it has too few places for them."""
    random = Random(session.id)
    messages = [turn.message for turn in session.turns]
    needles: list[Needle] = []
    kinds: tuple[tuple[NeedlePlace, list[int], int], ...] = (
        (NeedlePlace.USER, _user_places(session), USER_NEEDLES),
        (NeedlePlace.TOOL, _tool_places(session), TOOL_NEEDLES),
    )
    for where, places, most in kinds:
        for position in sorted(random.sample(places, min(most, len(places)))):
            needle = _needle(where, position, len(needles), random)
            place = _into_user if where is NeedlePlace.USER else _into_result
            messages[position] = place(messages[position], needle.text, random)
            needles.append(needle)
    return session.with_messages(messages), needles


def _user_places(session: Session) -> list[int]:
    """Messages of the user's own words alone; not the last."""
    return [
        i
        for i, turn in enumerate(session.turns[:-1])
        if not turn.is_reply and all(b["type"] == "text" for b in turn.message["content"])
    ]


def _tool_places(session: Session) -> list[int]:
    return [i for i, turn in enumerate(session.turns[:-1]) if _largest(turn.message) is not None]


def _largest(message: dict[str, Any]) -> int | None:
    """The index of the message's longest textual result that is long enough to hide in."""
    lengths = {
        i: len(block["content"])
        for i, block in enumerate(message["content"])
        if block["type"] == "tool_result" and isinstance(block.get("content"), str)
    }
    best = max(lengths, key=lambda i: lengths[i], default=None)
    return best if best is not None and lengths[best] >= _LEAST_CHARS else None


def _into_user(message: dict[str, Any], text: str, random: Random) -> dict[str, Any]:
    blocks = list(message["content"])
    at = random.randrange(len(blocks))
    blocks[at] = {**blocks[at], "text": f"{blocks[at]['text']}\n{text}"}
    return {**message, "content": blocks}


def _into_result(message: dict[str, Any], text: str, random: Random) -> dict[str, Any]:
    at = _largest(message)
    assert at is not None
    blocks = list(message["content"])
    lines = blocks[at]["content"].split("\n")
    lines.insert(random.randint(0, len(lines)), text)
    blocks[at] = {**blocks[at], "content": "\n".join(lines)}
    return {**message, "content": blocks}


def _needle(where: NeedlePlace, position: int, number: int, random: Random) -> Needle:
    shape = list(SHAPES)[number % len(SHAPES)]
    key, text = SHAPES[shape](random)
    return Needle(where, shape, key, text, position)


def _word(random: Random) -> str:
    return random.choice(_NAMES) + "".join(random.choices(string.ascii_lowercase, k=4))


def _code(random: Random) -> str:
    return "".join(random.choices(string.ascii_uppercase + string.digits, k=7))


def _digits(random: Random, count: int) -> str:
    return random.choice("123456789") + "".join(random.choices(string.digits, k=count - 1))


def _prose(random: Random) -> tuple[str, str]:
    key = f"{_word(random)}-{_digits(random, 4)}"
    return key, f"The rollback passphrase for the {_word(random)} cluster is {key}."


def _key_value(random: Random) -> tuple[str, str]:
    key = _code(random)
    return key, f"2026-02-0{random.randint(1, 9)}T11:04:07Z deploy_token={key} retries=3"


def _json(random: Random) -> tuple[str, str]:
    key = _digits(random, 8)
    return key, f'  "{_word(random)}_quota": {key},'


def _error(random: Random) -> tuple[str, str]:
    key = f"E{_digits(random, 6)}"
    return key, f"ERROR {key}: lock on {_word(random)} held by pid {_digits(random, 5)}"


def _path(random: Random) -> tuple[str, str]:
    key = f"k-{_digits(random, 7)}"
    return key, f"see /srv/{_word(random)}/{key}.pem"


def _plain(random: Random) -> tuple[str, str]:
    key = _word(random) + _word(random)
    return key, f"Ask {key} before anything is merged."


SHAPES: dict[str, Callable[[Random], tuple[str, str]]] = {
    "prose": _prose,
    "key=value": _key_value,
    "json": _json,
    "error": _error,
    "path": _path,
    "plain": _plain,
}
