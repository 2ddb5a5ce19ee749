"""What counts as a word, and that what is looked for is found by it."""

from collections.abc import Iterable
from itertools import pairwise

import pytest

from palimpsest.memory.bm25 import document_weights, query_weights, split_words
from palimpsest.store.vectors.model import Sparse


def score(text: str, asked: str) -> float:
    weights = dict(zip(*document_weights(text), strict=True))
    return sum(weights.get(index, 0.0) for index in query_weights(asked).indices)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("getUserName", {"getUserName", "get", "User", "Name"}),
        ("get_user_name", {"getusername", "get", "user", "name"}),
        ("HTTPServer", {"HTTPServer", "HTTP", "Server"}),
        ("src/app/main.py:12", {"src", "app", "mainpy", "main", "py", "12"}),
        ("--no-cache", {"nocache", "no", "cache"}),
        ("Caroline's dog.", {"Caroline", "s", "dog"}),
        ("数据库连接", {"数据", "据库", "库连", "连接"}),
    ],
)
def test_what_counts_as_a_word(text: str, expected: Iterable[str]) -> None:
    assert set(split_words(text)) == expected


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("the tests were failing", "why does the test fail?"),
        ("def get_user_name(self):", "where is getUserName?"),
        ("call getUserName()", "the user name"),
        ("edited palimpsest/store/postgres/retention.py", "retention.py"),
        ("Ein Café am Platz", "cafe"),
        ("升级数据库", "数据库在哪里"),
    ],
)
def test_a_text_is_found_by_its_words(text: str, asked: str) -> None:
    assert score(text, asked) > score("something else altogether", asked) == 0


def test_an_identifier_counts_more_whole_than_its_parts_apart() -> None:
    asked = "parse_header"
    assert score("calls parse_header twice", asked) > score("parse the long header", asked) > 0


def test_words_that_say_nothing_are_left_out() -> None:
    assert query_weights("what is the of and to it") == Sparse((), ())


def test_encoded_data_is_no_word() -> None:
    assert document_weights("QUJD" * 50) == Sparse((), ())


def test_the_same_text_has_the_same_weights_and_numbers_ascend() -> None:
    text = "Retry the request after the lease of the worker ended: worker.py retries twice"
    assert document_weights(text) == document_weights(text)
    assert all(a < b for a, b in pairwise(document_weights(text).indices))
    assert query_weights("") == document_weights(" ... ") == Sparse((), ())


def test_a_long_text_weighs_less_for_the_same_word() -> None:
    assert score("lease", "lease") > score("lease " + "other words here " * 200, "lease")
