"""Content-encodings: reading encoded bytes as they come, a piece at a time and up to a limit."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast

import brotli
import zstandard

from palimpsest.providers.headers import RawHeaders

MOST_DECODED_BYTES = 64 * 1024 * 1024
PIECE_BYTES = 64 * 1024

_ZSTD_SLICE = 256
"""A block of four bytes makes 128 KB at most, so that a slice makes 8 MB."""
_ZSTD_WINDOW = 8 * 1024 * 1024
"""What RFC 9659 lets a sender ask for."""
_MOST_ENCODINGS = 2

Decode = Callable[[bytes], Iterator[bytes]]

_BROTLI_ERROR = cast("type[Exception]", brotli.error)  # pyright: ignore[reportUnknownMemberType]


class _TooLarge(Exception):
    pass


class Decoder:
    """Incremental. Once ``failed`` (nobody knows how, the bytes make no sense, or they are more
    than ``limit``) nothing comes out any more.

    ``needed`` is False when plain bytes are what comes in. ``too_large`` says that they failed by
    the limit.
    """

    def __init__(self, content_encoding: str | None, limit: int = MOST_DECODED_BYTES) -> None:
        coded = codings(content_encoding)
        steps = [_decode(name) for name in reversed(coded)]
        self._steps = [_limited(step, limit) for step in steps if step]
        self.failed = None in steps or len(steps) > _MOST_ENCODINGS
        self.needed = bool(coded)
        self.too_large = False

    def feed(self, chunk: bytes) -> bytes:
        """All that the chunk becomes."""
        return b"".join(self.pieces(chunk))

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What the chunk becomes, in pieces of a bounded size."""
        if self.failed:
            return
        try:
            yield from _through(self._steps, chunk)
        except _TooLarge:
            self.failed = self.too_large = True
        except (zlib.error, _BROTLI_ERROR, zstandard.ZstdError):
            self.failed = True


def codings(content_encoding: str | None) -> list[str]:
    """The encodings of a body, in the order in which they were applied; none for a plain one."""
    names = (name.strip().lower() for name in (content_encoding or "").split(","))
    return [name for name in names if name not in ("", "identity")]


def decoded_headers(headers: RawHeaders) -> RawHeaders:
    """The headers of an answer that is given decoded, without those of its encoded body alone."""
    encoded = (b"content-encoding", b"content-length")
    return tuple(pair for pair in headers if pair[0].lower() not in encoded)


def ask_for_identity(headers: RawHeaders) -> RawHeaders:
    """The headers of a request whose answer is to come as it is; what accepted no encoding stays
    as it was."""
    others = tuple(pair for pair in headers if pair[0].lower() != b"accept-encoding")
    if len(others) == len(headers):
        return headers
    return (*others, (b"accept-encoding", b"identity"))


def _through(steps: Sequence[Decode], data: bytes) -> Iterator[bytes]:
    if not steps:
        yield data
        return
    for piece in steps[0](data):
        yield from _through(steps[1:], piece)


def _limited(step: Decode, limit: int) -> Decode:
    """The step, which fails once more than ``limit`` bytes have come out of it."""
    left = limit

    def decode(data: bytes) -> Iterator[bytes]:
        nonlocal left
        for piece in step(data):
            left -= len(piece)
            if left < 0:
                raise _TooLarge
            yield piece

    return decode


def _decode(name: str) -> Decode | None:
    match name:
        case "gzip" | "x-gzip":
            return _Gzip().decode
        case "deflate":
            return _Deflate().decode
        case "br":
            return _Brotli().decode
        case "zstd":
            return _Zstd().decode
        case _:
            return None


class _Inflater(Protocol):
    """What `zlib.decompressobj` makes."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """A gzip stream may have several members."""

    def __init__(self) -> None:
        self._member: _Inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def decode(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._member.eof:
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield from _inflate(self._member, data)
            if not self._member.eof:
                return
            data = self._member.unused_data


class _Deflate:
    """With the header of zlib, as the RFC wants it, or without, as some servers send it."""

    def __init__(self) -> None:
        self._head = b""
        self._stream: _Inflater | None = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            data = self._head = self._head + data
            if len(data) < 2:
                return
            has_header = data[0] & 15 == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        yield from _inflate(self._stream, data)


def _inflate(stream: _Inflater, data: bytes) -> Iterator[bytes]:
    while not stream.eof:
        piece = stream.decompress(data, PIECE_BYTES)
        data = stream.unconsumed_tail
        if piece:
            yield piece
        if not data and len(piece) < PIECE_BYTES:
            return


class _Brotli:
    def __init__(self) -> None:
        # The package has no types.
        stream = cast("Any", brotli).Decompressor()
        self._process: Callable[..., bytes] = stream.process
        self._is_drained: Callable[[], bool] = stream.can_accept_more_data

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield (piece := self._process(data, output_buffer_limit=PIECE_BYTES))
        while not self._is_drained() or len(piece) >= PIECE_BYTES:
            yield (piece := self._process(b"", output_buffer_limit=PIECE_BYTES))


class _Zstd:
    """The library has no limit of its own on what comes out: small slices go in."""

    def __init__(self) -> None:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._stream = decompressor.decompressobj(read_across_frames=True)

    def decode(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _ZSTD_SLICE):
            if piece := self._stream.decompress(data[at : at + _ZSTD_SLICE]):
                yield piece
