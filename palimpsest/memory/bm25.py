"""Computes the BM25 weights of the words of a text, prose and code alike.

An identifier counts whole, however it is written, and by its parts (``get_userName``:
``getusername``, ``get``, ``user``, ``name``), English words by their stem, and scripts without
spaces by pairs of characters. The index multiplies the weights by how rare a word is.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from qdrant_edge import Bm25, Bm25Config, SparseVector, TokenizerType

from palimpsest.store.vectors.model import Sparse

# Where a text of 256 words counts as of usual length, short ones are told apart too little.
_USUAL_LENGTH = 60
_SATURATION = 1.2
_LENGTH_COUNTS = 0.75
# What is longer is no word: encoded data, which nobody asks for by its characters.
_LONGEST = 64

_RUN = re.compile(r"[^\W_]+(?:[_.\-]+[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]+")


def document_weights(text: str) -> Sparse:
    """The weights of a text that is indexed: how often a word occurs, relative to the text's
    length."""
    return _sparse(_bm25().embed_document(" ".join(split_words(text))))


def query_weights(text: str) -> Sparse:
    """The weights of a text that is searched for: each word counts once."""
    return _sparse(_bm25().embed_query(" ".join(split_words(text))))


def split_words(text: str) -> Iterator[str]:
    """The words as they are counted, before their stems are taken."""
    for run in _RUN.findall(text):
        yield from _forms(run)


@lru_cache(maxsize=32_768)
def _forms(run: str) -> tuple[str, ...]:
    """The words of a run of letters and digits with joining signs: the whole, then each part."""
    parts = [hump for part in _PART.findall(run) for hump in _HUMP.split(part)]
    spaced = [part for part in parts if not _UNSPACED.search(part)]
    pairs = [pair for part in parts for found in _UNSPACED.findall(part) for pair in _pairs(found)]
    whole = ["".join(spaced)] if len(spaced) > 1 else []
    return tuple(word for word in (*whole, *spaced, *pairs) if len(word) <= _LONGEST)


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(max(1, len(run) - 1))]


@cache
def _bm25() -> Bm25:
    return Bm25(
        Bm25Config(
            k=_SATURATION,
            b=_LENGTH_COUNTS,
            avg_len=_USUAL_LENGTH,
            tokenizer=TokenizerType.Whitespace,
            language="english",
            ascii_folding=True,
        )
    )


def _sparse(vector: SparseVector) -> Sparse:
    return Sparse(tuple(vector.indices), tuple(vector.values))
