"""Encoded answers are read in any chunks; what cannot be read says so and stays silent."""

import gzip
import zlib
from collections.abc import Callable
from typing import cast

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.providers.encodings import Decoder

BROTLI = cast("Callable[[bytes], bytes]", brotli.compress)  # pyright: ignore[reportUnknownMemberType]
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": BROTLI,
    "zstd": zstandard.compress,
    "GZIP, br": lambda data: BROTLI(gzip.compress(data)),
}


@given(st.sampled_from(sorted(ENCODERS)), st.binary(max_size=2000), st.integers(1, 50))
def test_any_chunks_decode_to_the_same(name: str, data: bytes, size: int) -> None:
    packed = ENCODERS[name](data)
    decoder = Decoder(name)
    out = b"".join(decoder.feed(packed[i : i + size]) for i in range(0, len(packed), size))
    assert out == data
    assert not decoder.failed
    assert decoder.needed is (name != "identity")


@given(st.sampled_from(["gzip", "deflate", "br", "zstd"]), st.binary(max_size=200))
def test_no_bytes_raise(name: str, data: bytes) -> None:
    decoder = Decoder(name)
    for i in range(0, len(data), 7):
        decoder.feed(data[i : i + 7])


@pytest.mark.parametrize("name", ["secret-sauce", "gzip, secret-sauce"])
def test_what_nobody_knows_fails_at_once(name: str) -> None:
    decoder = Decoder(name)
    assert decoder.failed
    assert decoder.feed(b"anything") == b""


@pytest.mark.parametrize("name", [None, "", "identity"])
def test_plain_needs_nothing(name: str | None) -> None:
    decoder = Decoder(name)
    assert (decoder.needed, decoder.failed) == (False, False)
    assert decoder.feed(b"plain") == b"plain"
