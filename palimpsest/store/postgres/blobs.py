"""Blobs: content under its BLAKE3 hash, compressed where that pays."""

from dataclasses import dataclass
from typing import Self

import zstandard
from blake3 import blake3

_PLAIN, _ZSTD = 0, 1
_WORTH_COMPRESSING = 128
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Blob:
    """``size`` is in bytes before compression."""

    hash: bytes
    codec: int
    size: int
    data: bytes

    @classmethod
    def of(cls, content: bytes) -> Self:
        if len(content) >= _WORTH_COMPRESSING:
            packed = zstandard.ZstdCompressor(level=_LEVEL).compress(content)
            if len(packed) < len(content):
                return cls(blob_hash(content), _ZSTD, len(content), packed)
        return cls(blob_hash(content), _PLAIN, len(content), content)


def blob_hash(content: bytes) -> bytes:
    return blake3(content).digest()


def unpack(codec: int, data: bytes) -> bytes:
    """The content of a stored blob."""
    return zstandard.ZstdDecompressor().decompress(data) if codec == _ZSTD else data
