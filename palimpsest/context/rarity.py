"""How unlike the rest of a text its words are: the ones that occur once and are no common words.

A word's *parts* are what camelCase, digits and underscores divide it into. Common is what has a
low rank in the tokenizer's vocabulary, which is ordered by frequency.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from math import log2

from palimpsest.dialects.tokenizer import vocabulary_ranks

_WORD = re.compile(r"\w+(?:(?<=\d)\.\d+)*")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")
_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")
_MIXED = 3
_LONGEST = 80
# Worth of a number by its digits: short ones are counts and line numbers.
_NUMBERS = (0.3, 0.8, 2.5, 6.0, 8.5, 9.5)
_CODE_BONUS = 2.0
_COMMON_BITS = 10.0
_RANGE_BITS = 6.6
_SPLIT_WORTH = 3.0
_PIECE_WORTH = 1.5
_MOST = 11.0


def words(line: str) -> list[str]:
    """The words of a line, underscores and digits included."""
    return _WORD.findall(line)


def word_places(line: str) -> Iterator[tuple[str, int]]:
    """The words of a line, with where each begins."""
    return ((match[0], match.start()) for match in _WORD.finditer(line))


def rarities(lines: Sequence[Sequence[str]]) -> dict[str, float]:
    """The worth of each word that occurs once in these lines; words worth nothing are left out.

    A word with digits is worth less the more words of its form there are: one hash among fifty.
    """
    counts = Counter(chain.from_iterable(lines))
    parts = Counter(chain.from_iterable(map(_parts, counts)))
    forms = Counter(_form(word) for word in counts if not word.isalpha())
    worths: dict[str, float] = {}
    for word, count in counts.items():
        if count > 1:
            continue
        if word.isalpha():
            worth = sum([_worth(part) for part in _parts(word) if parts[part] == 1])
        else:
            worth = _code(word, parts) / (1.0 + log2(forms[_form(word)]) / 4.0)
        if worth:
            worths[word] = worth
    return worths


@lru_cache(32_768)
def worth(word: str) -> float:
    """The worth of a word by itself, however often it occurs."""
    if word.isalpha():
        return sum([_worth(part) for part in _parts(word)])
    if "." in word or len(_parts(word)) > _MIXED:
        return _number(word) + _CODE_BONUS
    return sum([_worth(part) for part in _parts(word)]) + _CODE_BONUS


def _code(word: str, parts: Counter[str]) -> float:
    """The worth of a word with digits or underscores; versions and hashes are one number."""
    if "." in word or len(_parts(word)) > _MIXED:
        return _number(word) + _CODE_BONUS
    worth = sum([_worth(part) for part in _parts(word) if parts[part] == 1])
    return worth + _CODE_BONUS if worth else 0.0


@lru_cache(32_768)
def _parts(word: str) -> tuple[str, ...]:
    return tuple(part.lower() for part in _PART.findall(word[:_LONGEST]))


@lru_cache(8_192)
def _form(word: str) -> str:
    """The word's shape: `k_2231` is `a_9999`, a hash is told by its length alone."""
    if len(_parts(word)) > _MIXED:
        return f"mixed {len(word) // 4}"
    return _DIGITS.sub(_digits, _LETTERS.sub("a", word[:_LONGEST]))


def _digits(match: re.Match[str]) -> str:
    return "9" * min(5, len(match[0]))


def _number(digits: str) -> float:
    return _NUMBERS[min(len(digits), len(_NUMBERS)) - 1]


@lru_cache(32_768)
def _worth(part: str) -> float:
    if part.isdigit():
        return _number(part)
    if len(part) < 2:
        return _NUMBERS[0]
    ranks = vocabulary_ranks(" " + part)
    if len(ranks) > 1:
        return min(_MOST, _SPLIT_WORTH + _PIECE_WORTH * len(ranks))
    return max(0.0, log2(ranks[0] + 1) - _COMMON_BITS) ** 2 / _RANGE_BITS
