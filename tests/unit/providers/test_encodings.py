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

from palimpsest.providers.encodings import Decoder, ask_for_identity

MEGABYTE = 1024 * 1024
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


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "identity"])
def test_no_piece_and_no_sum_of_them_passes_its_limit(name: str) -> None:
    packed = ENCODERS[name](bytes(20 * MEGABYTE))
    decoder = Decoder(name, limit=16 * MEGABYTE)
    sizes = [len(piece) for piece in decoder.pieces(packed)]
    assert max(sizes) <= 8 * MEGABYTE
    assert sum(sizes) <= 16 * MEGABYTE
    assert decoder.failed
    assert decoder.too_large
    whole = Decoder(name, limit=20 * MEGABYTE)
    assert whole.feed(packed) == bytes(20 * MEGABYTE)
    assert not whole.failed


def test_deflate_is_read_without_its_header_too() -> None:
    assert Decoder("deflate").feed(zlib.compress(b"plain")[2:-4]) == b"plain"


def test_only_what_accepts_encodings_asks_for_none() -> None:
    host = (b"host", b"x")
    assert ask_for_identity((host,)) == (host,)
    encoded = ((b"Accept-Encoding", b"gzip"), host, (b"accept-encoding", b"br"))
    assert ask_for_identity(encoded) == (host, (b"accept-encoding", b"identity"))
