"""How likely a memory bears on a question, as a number from 0 to 1 that means the same for every
question and embedder. The order of hits is another thing (ranking.py); this says whether the best
of them is good at all.

It goes by *evidence*, the share of what the question's words tell that the memory's words repeat,
and by *nearness*, how much nearer in meaning it is than texts that have nothing to do with it.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import exp, log2

import numpy as np
from numpy.typing import NDArray

from context.tokens import vocabulary_ranks
from intelligence.words import query, words
from store.vectors import Vector

# Fitted by logistic regression: LoCoMo's questions to their own dialogue, and to others and to
# sessions of coding agents (docs/adr/0025).
_EVIDENCE, _NEARNESS, _OTHERWISE = 4.4, 0.67, -5.1
# Bits. Below, a question tells too little; above, no memory can repeat it all.
_LEAST_TOLD, _MOST_TOLD = 6.0, 40.0
_COMMON_BITS, _RARE_BITS = 8.0, 7.0
_LEAST_BITS = 0.5

STRANGERS = (
    "The quick brown fox jumps over the lazy dog.",
    "Please run the tests again and show me the output.",
    "I went to the store yesterday to buy some bread and milk.",
    "def main():\n    return None",
    "The meeting has been moved to next Tuesday afternoon.",
    "Error: something went wrong, see the log for details.",
    "My sister loves music, painting and long walks in the park.",
    "import os\nimport sys",
    "The weather was cold and it rained for three days.",
    "Update the documentation and add an example of how to use it.",
    "const value = items.map((item) => item.id);",
    "We had a great dinner with friends last weekend.",
    "SELECT name, count(*) FROM users GROUP BY name;",
    "The price of the house went up again this year.",
    "Let me check the file and then make the change.",
    "Thanks, that is very kind of you to say!",
    "git status: nothing to commit, working tree clean",
    "The doctor told him to rest and drink more water.",
    "Open the settings page and choose the second option.",
    '{"id": 1, "name": "example", "enabled": true}',
    "How can we make this faster without changing the interface?",
    "The children played in the garden until it was dark.",
    "Version 2.1 was released in March with several fixes.",
    "She studied history and works at the city museum.",
)
"""Texts of all kinds that no question is about."""


def stems(text: str) -> frozenset[int]:
    """The numbers of a text's words, as the index knows them."""
    return frozenset(number for word in words(text) for number in _stem(word))


def told(question: str) -> dict[int, float]:
    """What each word of a question tells, in bits: the rarer it is among all words, the more."""
    return {number: _bits(word) for word in words(question) for number in _stem(word)}


def nearness(question: Vector, strangers: NDArray[np.float32]) -> Callable[[float], float]:
    """Makes of a cosine how many standard deviations it is above those of texts that have nothing
    to do with the question."""
    others = strangers @ question
    mean, deviation = float(others.mean()), max(float(others.std()), 1e-6)
    return lambda cosine: (cosine - mean) / deviation


def relevance(question: Mapping[int, float], memory: frozenset[int], near: float) -> float:
    """``question`` by `told`, ``memory`` by `stems`, ``near`` by `nearness`."""
    repeated = sum(bits for number, bits in question.items() if number in memory)
    evidence = repeated / min(max(sum(question.values()), _LEAST_TOLD), _MOST_TOLD)
    return 1 / (1 + exp(-(_EVIDENCE * min(evidence, 1.0) + _NEARNESS * near + _OTHERWISE)))


@lru_cache(maxsize=65_536)
def _stem(word: str) -> tuple[int, ...]:
    return query(word).indices


@lru_cache(maxsize=8_192)
def _bits(word: str) -> float:
    """By its rank in the tokenizer's vocabulary, which is ordered by frequency."""
    ranks = vocabulary_ranks(" " + word.lower())
    if len(ranks) > 1:
        return _RARE_BITS + len(ranks)
    return max(_LEAST_BITS, log2(ranks[0] + 2) - _COMMON_BITS)
