"""Content-encodings as a provider or a client makes them: whole, or flushed after each piece."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import brotli
import zstandard

_brotli = cast("Any", brotli)

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": lambda data: _brotli.compress(data, quality=5),
    "zstd": zstandard.compress,
    "deflate": zlib.compress,
}


def encode_pieces(encoding: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """One stream of the encoding, in which each piece can be read as soon as it is there."""
    match encoding:
        case "br":
            coder = _brotli.Compressor()
            for piece in pieces:
                yield coder.process(piece) + coder.flush()
        case "zstd":
            frame = zstandard.ZstdCompressor().compressobj()
            for piece in pieces:
                yield frame.compress(piece) + frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        case _:
            stream = zlib.compressobj(wbits=zlib.MAX_WBITS | (16 if encoding == "gzip" else 0))
            for piece in pieces:
                yield stream.compress(piece) + stream.flush(zlib.Z_SYNC_FLUSH)
