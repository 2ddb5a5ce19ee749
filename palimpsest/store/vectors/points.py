"""A memory as a point of a vector index, whichever the engine is: its number, its payload, and
what a `SearchFilter` asks of the payload."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from blake3 import blake3

from palimpsest.memory.model import Kind, Memory
from palimpsest.store.vectors.model import Match, SearchFilter, Span

DENSE = "meaning"
WORDS = "words"
NAMES = ("tenant", "scope", "conversation", "kind", "language", "files")
NUMBERS = ("position", "said_at")
PLACE = "place"
"""The fields of a payload that are filtered by, and have an index each. The place stands for
position and conversation together: to look for a hundred spans by it takes a millisecond, where
ranges take forty. The scope stands for tenant, project and caller: each condition is checked for
each point that has one of the words, and takes a fifth of the time."""

GRAPHED = ("tenant", "scope")
"""Fields whose values have links of their own in the graph. The others leave either few points,
which are compared one by one, or many, which the graph finds anyway."""

FORMAT = 2
"""Counts up with every change of the payload, or of what the words of a text are."""
GRAPH_FROM = 4000
"""Vectors from which on a graph is built; up to so many are compared one by one."""

_MOST_PLACES = 5000
_PLACES = 2**63
_STRIDE = 0x9E3779B97F4A7C15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Is(NamedTuple):
    """The field has one of the values."""

    field: str
    values: tuple[str, ...]


class Between(NamedTuple):
    """The field's number is from ``low`` to ``high``, both included; None is no bound."""

    field: str
    low: int | None
    high: int | None


class AtPlaces(NamedTuple):
    """The place is one of these."""

    places: tuple[int, ...]


Condition = Is | Between | AtPlaces


class Conditions(NamedTuple):
    """All of ``every``, all of one of ``either`` where there are any, and one of the ``points``
    where there are any."""

    every: tuple[Condition, ...]
    either: tuple[tuple[Condition, ...], ...]
    points: tuple[int, ...]


def made_by(embedder: str) -> str:
    """What an index is a product of: one that has another cannot be gone on with."""
    return f"{embedder}, format {FORMAT}"


def point_id(memory_id: str) -> int:
    """64 bits that stand for the id: engines are quick with numbers, and two of a million memories
    share them once in thirty million times."""
    return _number(memory_id)


def payload_of(memory: Memory) -> dict[str, Any]:
    """What is filtered by and what ranking needs; never a text."""
    return {
        "id": memory.id,
        "tenant": memory.tenant,
        "project": memory.project,
        "scope": _scope(memory.tenant, memory.project, memory.caller),
        "conversation": memory.conversation,
        "kind": str(memory.kind),
        "language": memory.language,
        "files": list(memory.files),
        "position": memory.position,
        PLACE: next(_places(Span(memory.conversation, memory.position, memory.position))),
        "part": memory.part,
        "said_at": microseconds(memory.said_at),
        "length": len(memory.text),
    }


def found(payload: Mapping[str, Any]) -> Match:
    return Match(
        id=payload["id"],
        kind=Kind(payload["kind"]),
        project=payload["project"],
        conversation=payload["conversation"],
        position=payload["position"],
        part=payload["part"],
        said_at=_EPOCH + payload["said_at"] * _MICROSECOND,
        length=payload["length"],
    )


def microseconds(moment: datetime) -> int:
    """Since 1970; the engines compare whole numbers exactly up to 2**53, which is the year 2255."""
    return (moment - _EPOCH) // _MICROSECOND


def conditions(where: SearchFilter) -> Conditions:
    """What a point has to fulfil; of the times, ``until`` is included."""
    scopes = tuple(
        _scope(where.tenant, project, caller)
        for project in where.projects
        for caller in where.callers
    )
    projects = where.projects if not where.callers else ()
    names = (
        Is("scope", scopes) if scopes else Is("tenant", (where.tenant,)),
        Is("project", projects),
        Is("conversation", _one(where.conversation)),
        Is("kind", tuple(str(kind) for kind in where.kinds)),
        Is("language", _one(where.language)),
        Is("files", _one(where.file)),
    )
    every: list[Condition] = [name for name in names if name.values]
    if where.since or where.until:
        low = microseconds(where.since) if where.since else None
        high = microseconds(where.until) if where.until else None
        every.append(Between("said_at", low, high))
    points = tuple(point_id(one) for one in where.ids)
    if sum(1 + span.last - span.first for span in where.spans) > _MOST_PLACES:
        return Conditions(tuple(every), tuple(_range(span) for span in where.spans), points)
    if where.spans:
        every.append(AtPlaces(tuple(place for span in where.spans for place in _places(span))))
    return Conditions(tuple(every), (), points)


def _scope(tenant: str, project: str, caller: str) -> str:
    return "\x1f".join((tenant, project, caller) if caller else (tenant, project))


def _range(span: Span) -> tuple[Condition, ...]:
    return (
        Is("conversation", (span.conversation,)),
        Between("position", span.first, span.last),
    )


def _places(span: Span) -> Iterator[int]:
    first = _number(span.conversation)
    for position in range(span.first, span.last + 1):
        yield (first + position * _STRIDE) % _PLACES


def _number(name: str) -> int:
    return int.from_bytes(blake3(name.encode("utf-8", "surrogatepass")).digest(8))


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()
