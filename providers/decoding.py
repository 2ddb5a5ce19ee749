"""Reading a content-encoded answer on the side, while its bytes pass on as they came."""

import zlib
from collections.abc import Callable
from typing import cast

import brotli
import zstandard

Decode = Callable[[bytes], bytes]


def decoder(content_encoding: str | None) -> Decode | None:
    """An incremental decoder; None when there is nothing to decode or nobody knows how."""
    match (content_encoding or "identity").strip().lower():
        case "gzip" | "x-gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
        case "deflate":
            return zlib.decompressobj().decompress
        case "br":
            return cast("Decode", brotli.Decompressor().process)  # pyright: ignore[reportUnknownMemberType]
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress
        case _:
            return None
