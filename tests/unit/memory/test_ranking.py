"""The order of what was found: by both sides, by what stands near, by age and by project."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from palimpsest.memory.model import Kind
from palimpsest.memory.ranking import (
    ScoreFloor,
    neighbour_pairs,
    neighbour_spans,
    rank,
)
from palimpsest.store.vectors.model import Candidates, Match, Span

NOW = datetime(2026, 11, 21, tzinfo=UTC)

Scored = tuple[Match, float]


def found(
    name: str,
    position: int = -1,
    part: int = 0,
    length: int = 100,
    project: str = "/p",
    days: float = 10,
    conversation: str = "c",
) -> Match:
    kind = Kind.TURN if position >= 0 else Kind.PATTERN
    said_at = NOW - timedelta(days=days)
    return Match(name, kind, project, conversation, position, part, said_at, length)


def hit(name: str, score: float, **more: Any) -> Scored:
    return found(name, **more), score


def candidates(near: list[Scored], matching: list[Scored]) -> Candidates:
    return Candidates(
        {one.id: one for one, _ in (*near, *matching)},
        {one.id: score for one, score in near},
        {one.id: score for one, score in matching},
    )


def order(
    near: list[Scored], matching: list[Scored], project: str = "", conversation: str = ""
) -> list[str]:
    least = ScoreFloor(near=near[-1][1] if near else 0.0)
    found = candidates(near, matching)
    rows = rank(found, least, project=project, conversation=conversation, now=NOW)
    return [row.found.id for row in rows]


def test_what_both_sides_know_is_before_what_one_does() -> None:
    near = [hit("meaning", 0.9), hit("both", 0.8), hit("last", 0.1)]
    matching = [hit("words", 9.0), hit("both", 8.0)]
    assert order(near, matching)[0] == "both"
    assert order(near, matching)[-1] == "last"


def test_a_side_that_tells_nothing_apart_does_not_count() -> None:
    assert order([hit("a", 0.5), hit("b", 0.5)], [hit("b", 2.0)]) == ["b", "a"]
    assert order([], []) == []
    assert order([hit("a", 0.5)], []) == ["a"]


def test_a_turn_beside_a_good_one_is_before_one_that_stands_alone() -> None:
    near = [
        hit("good", 0.9, position=4),
        hit("beside", 0.3, position=5),
        hit("alone", 0.3, position=40),
        *(hit(f"other{n}", 0.2, position=100 + 10 * n) for n in range(6)),
    ]
    assert order(near, [])[:3] == ["good", "beside", "alone"]


def test_a_bad_neighbour_takes_nothing_away() -> None:
    near = [hit("a", 0.5, position=1), hit("b", 0.5, position=30), hit("c", 0.1, position=2)]
    rows = rank(candidates(near, []), ScoreFloor(), project="", conversation="", now=NOW)
    assert rows[0].total == pytest.approx(rows[1].total)


def test_neighbours_are_closer_the_less_text_is_between() -> None:
    turns = [found(str(n), position=n, length=size) for n, size in enumerate((50, 600, 50, 50))]
    shares = {(one.id, other.id): share for one, other, share in neighbour_pairs(turns)}
    assert shares["2", "3"] > shares["0", "1"] > shares["0", "2"] > 0
    assert ("0", "3") not in shares


def test_other_conversations_and_patterns_have_no_neighbours() -> None:
    turns = [found("a", position=1), found("b", position=2, conversation="d"), found("c")]
    assert list(neighbour_pairs(turns)) == []


def test_of_equals_the_newer_is_first() -> None:
    assert order([hit("old", 0.5, days=400), hit("new", 0.5, days=1)], []) == ["new", "old"]


def test_what_comes_from_elsewhere_has_to_be_better() -> None:
    near = [hit("there", 0.52, project="/q"), hit("here", 0.5), hit("far", 0.1)]
    assert order(near, [], project="/p")[:2] == ["here", "there"]
    assert order(near, [])[:2] == ["there", "here"]


def test_what_was_said_here_or_learned_counts_more_than_what_was_said_elsewhere() -> None:
    near = [
        hit("there", 0.52, position=1, conversation="d"),
        hit("here", 0.51, position=1),
        hit("learned", 0.5),
        hit("far", 0.1, position=9, conversation="d"),
    ]
    assert order(near, [], conversation="c")[:3] == ["here", "learned", "there"]
    assert order(near, [])[:3] == ["there", "here", "learned"]


def test_looks_around_turns_and_merges_what_touches() -> None:
    hits = [found("a", position=1), found("b", position=6), found("c", position=20), found("p")]
    other = found("d", position=5, conversation="d")
    assert set(neighbour_spans([*hits, other])) == {
        Span("c", 0, 8),
        Span("c", 18, 22),
        Span("d", 3, 7),
    }
