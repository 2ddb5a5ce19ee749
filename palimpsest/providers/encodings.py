"""Reading a content-encoded answer on the side, while its bytes pass on as they came."""

import zlib
from collections.abc import Callable
from typing import cast

import brotli
import zstandard

Decode = Callable[[bytes], bytes]

_BROTLI_ERROR = cast("type[Exception]", brotli.error)  # pyright: ignore[reportUnknownMemberType]


class Decoder:
    """Incremental. Once ``failed`` (nobody knows how, or the bytes make no sense) nothing comes
    out any more: an answer that cannot be read passes on all the same."""

    def __init__(self, content_encoding: str | None) -> None:
        names = (content_encoding or "identity").lower().split(",")
        steps = [_decode(name.strip()) for name in reversed(names)]
        self._steps = [step for step in steps if step is not _identity]
        self.failed = None in steps
        self.needed = bool(self._steps)
        """False when plain bytes are what comes in."""

    def feed(self, chunk: bytes) -> bytes:
        if self.failed:
            return b""
        try:
            for step in self._steps:
                chunk = step(chunk) if step else b""
        except (zlib.error, _BROTLI_ERROR, zstandard.ZstdError):
            self.failed = True
            return b""
        return chunk


def _decode(name: str) -> Decode | None:
    match name:
        case "identity" | "":
            return _identity
        case "gzip" | "x-gzip":
            return _Gzip().decompress
        case "deflate":
            return zlib.decompressobj().decompress
        case "br":
            return cast("Decode", brotli.Decompressor().process)  # pyright: ignore[reportUnknownMemberType]
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress
        case _:
            return None


def _identity(chunk: bytes) -> bytes:
    return chunk


class _Gzip:
    """A gzip stream may have several members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def decompress(self, chunk: bytes) -> bytes:
        plain = self._member.decompress(chunk)
        while self._member.eof and (rest := self._member.unused_data.lstrip(b"\0")):
            self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            plain += self._member.decompress(rest)
        return plain
