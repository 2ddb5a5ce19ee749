"""A number that means the same for every question."""

import pytest

from intelligence.relevance import STRANGERS, nearness, relevance, stems, told
from intelligence.static_embedder import StaticEmbedder


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder.load()


def score(embedder: StaticEmbedder, question: str, text: str) -> float:
    asked, answer = embedder.embedded([question, text])
    near = nearness(asked, embedder.embedded(STRANGERS))(float(asked @ answer))
    return relevance(told(question), stems(text), near)


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
    assert max(score(embedder, question, stranger) for stranger in STRANGERS) < 0.5


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
    bits = told("the house of quantisation")
    assert len(bits) == 2
    assert max(bits.values()) > min(bits.values()) + 2
