"""Computes the probability that a memory bears on a question, 0 to 1, which means the same for
every question and embedder. The order of hits is another thing (ranking.py); this says whether the
best of them is good at all.

It depends on *evidence*, the share of the information in the question's words that the memory's
words repeat, and on *nearness*, how much nearer in meaning it is than unrelated texts.
"""

import re
import string
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import exp, log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palimpsest.dialects.tokenizer import vocabulary_ranks
from palimpsest.memory.bm25 import query_weights, split_words
from palimpsest.store.vectors.model import Vector

# Fitted by logistic regression: LoCoMo's questions to their own dialogue, and to others and to
# sessions of coding agents (docs/adr/0025).
_EVIDENCE, _NEARNESS, _OTHERWISE = 4.6, 0.65, -5.0
# Bits of a question. Below, it tells too little; above, no memory can repeat it all.
_LEAST_BITS_ASKED, _ENOUGH_BITS_ASKED, _MOST_BITS_ASKED = 6.0, 14.0, 40.0
_STEEP, _NEARLY_ALL = 12.0, 0.8
_COMMON_BITS, _RARE_BITS = 8.0, 7.0
_LEAST_BITS = 0.5
_MOST_WORDS = 24
_SHORT = 4
_ENDINGS = ("ing", "ings", "ed", "ies", "es", "s", "ion", "ions", "e", "y")
_ENDING = re.compile(rf"(?:{'|'.join(_ENDINGS)})\Z")
_SIGNS = string.punctuation + string.whitespace + "→…–—“”‘’«»·•│"
_APART = str.maketrans(dict.fromkeys(_SIGNS, " "))
_JOINED = str.maketrans("", "", "_-.")

UNRELATED_TEXTS = (
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
"""Texts of all kinds that no question is about; nearness is measured against them."""


class QuestionWord(NamedTuple):
    """A word of a question.

    ``stem``: the word without its ending, which is searched in texts.
    ``bits``: its information: the rarer the word, the more.
    ``alone``: a short word counts only where it stands in one of these forms, between spaces.
    """

    stem: str
    bits: float
    alone: tuple[str, ...] = ()

    def is_in(self, plain: str) -> bool:
        return any(form in plain for form in self.alone) if self.alone else self.stem in plain


def question_words(question: str) -> tuple[QuestionWord, ...]:
    """The words of a question with the most information."""
    forms = (form.lower() for form in split_words(question))
    found = {word: None for form in forms for word in _question_word(form)}
    return tuple(sorted(found, key=lambda word: -word.bits)[:_MOST_WORDS])


def normalise(text: str) -> str:
    """The text in lower case with spaces for all signs and at both ends, and once more without the
    signs that join the parts of an identifier."""
    lower = text.lower()
    return f" {lower.translate(_APART)} {lower.translate(_JOINED)} "


def nearness_scale(question: Vector, strangers: NDArray[np.float32]) -> Callable[[float], float]:
    """A function that turns a cosine into standard deviations above the cosines of the question
    with unrelated texts."""
    others = strangers @ question
    mean, deviation = float(others.mean()), max(float(others.std()), 1e-6)
    return lambda cosine: (cosine - mean) / deviation


def relevance(question: Sequence[QuestionWord], text: str, near: float) -> float:
    """The probability, 0 to 1. ``text``: normalised; ``near``: by the nearness scale. A text that
    repeats nearly all of a question with enough information is relevant whatever else it says."""
    repeated = sum([word.bits for word in question if word.is_in(text)])
    asked = sum([word.bits for word in question])
    evidence = min(1.0, repeated / min(max(asked, _LEAST_BITS_ASKED), _MOST_BITS_ASKED))
    words = min(1.0, repeated / min(max(asked, _ENOUGH_BITS_ASKED), _MOST_BITS_ASKED))
    alone = _STEEP * (words - _NEARLY_ALL)
    return _logistic(max(alone, _EVIDENCE * evidence + _NEARNESS * near + _OTHERWISE))


def _logistic(logit: float) -> float:
    return 1 / (1 + exp(-logit))


@lru_cache(maxsize=8_192)
def _question_word(word: str) -> tuple[QuestionWord, ...]:
    """The word of a question, or nothing for a stop word. Its bits depend on its rank in the
    tokenizer's vocabulary, which is ordered by frequency."""
    if not query_weights(word).indices:
        return ()
    ranks = vocabulary_ranks(" " + word)
    bits = _RARE_BITS + len(ranks) if len(ranks) > 1 else log2(ranks[0] + 2) - _COMMON_BITS
    stem = _ENDING.sub("", word)
    bits = max(_LEAST_BITS, bits)
    if len(stem) >= _SHORT or not word.isascii():
        return (QuestionWord(stem or word, bits),)
    if len(stem) < _SHORT - 1:
        return (QuestionWord(word, bits, (f" {word} ",)),)
    return (QuestionWord(stem, bits, tuple(f" {stem}{ending} " for ending in ("", *_ENDINGS))),)
