"""A number that means the same for every question."""

import pytest

from palimpsest.memory.relevance import (
    UNRELATED_TEXTS,
    nearness_scale,
    normalise,
    question_words,
    relevance,
)
from palimpsest.memory.static_embedder import StaticEmbedder


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder.load()


def score(embedder: StaticEmbedder, question: str, text: str) -> float:
    asked, answer = embedder.embed_now([question, text])
    near = nearness_scale(asked, embedder.embed_now(UNRELATED_TEXTS))(float(asked @ answer))
    return relevance(question_words(question), normalise(text), near)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("When did we rotate the signing key?", "The signing key was rotated on the third of May."),
        ("why did get_user_name fail", "Bash pytest (failed)\nE KeyError in getUserName: 'name'"),
        ("What is the staging port?", "export STAGING_PORT=8081"),
    ],
)
def test_an_answer_is_relevant_and_strangers_are_not(
    embedder: StaticEmbedder, question: str, text: str
) -> None:
    assert score(embedder, question, text) > 0.5
    assert max(score(embedder, question, stranger) for stranger in UNRELATED_TEXTS) < 0.5


def test_the_more_of_a_question_is_repeated_the_more_relevant_it_is(
    embedder: StaticEmbedder,
) -> None:
    question = "Which certificate does the billing gateway present to the bank?"
    texts = [
        "The office is closed on Friday.",
        "The bank is closed on Friday.",
        "The billing gateway has to be restarted.",
        "The billing gateway presents the certificate of the bank.",
    ]
    scores = [score(embedder, question, text) for text in texts]
    assert scores == sorted(scores)
    assert scores[-1] > 0.9


def test_rare_words_tell_more_than_common_ones() -> None:
    one, other = question_words("the house of quantisation")
    assert one.bits > other.bits + 2


@pytest.mark.parametrize(
    ("question", "text", "found"),
    [
        ("rotated", "The key rotates at night.", True),
        ("getUserName", "def get_user_name(self):", True),
        ("ci", "The CI is red.", True),
        ("ci", "The decision was made.", False),
        ("数据库", "升级数据库", True),
    ],
)
def test_a_word_is_found_in_its_other_forms(question: str, text: str, found: bool) -> None:
    assert all(needle.is_in(normalise(text)) for needle in question_words(question)) == found


def test_of_a_long_question_the_rarest_words_count() -> None:
    question = "the house and the garden and the street " * 30 + "quantisation"
    assert "quantisation"[:9] in question_words(question)[0].stem
    assert len(question_words(" ".join(f"word{number}" for number in range(100)))) == 24
