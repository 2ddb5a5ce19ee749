"""What images and documents cost in tokens, from the head of their base64 data or their size.

An image costs one token per patch of 28 x 28 pixels, up to a cap, to which larger ones are scaled
down. A PDF costs its text and one image per page; its pages are guessed from its size.
"""

import binascii
import struct
from collections.abc import Mapping
from typing import Any

PATCH = 28
PDF_BYTES_PER_PAGE = 40_000
PDF_PAGE_TOKENS = 2_300
_HEAD = 65_536
_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def image_tokens(source: Mapping[str, Any], cap: int) -> int:
    """Tokens of an image block's ``source``; ``cap`` when its size is not to be seen."""
    data = source.get("data")
    if not isinstance(data, str):
        return cap
    size = dimensions(_decode_head(data))
    if size is None:
        return cap
    return max(1, min(cap, -(-size[0] // PATCH) * -(-size[1] // PATCH)))


def pdf_tokens(base64_chars: int) -> int:
    """Tokens of a PDF whose base64 data has this many characters."""
    return max(1, -(-(base64_chars * 3 // 4) // PDF_BYTES_PER_PAGE)) * PDF_PAGE_TOKENS


def dimensions(head: bytes) -> tuple[int, int] | None:
    """Width and height from the first bytes of a PNG, GIF, WebP or JPEG file."""
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack_from(">II", head, 16)
        if head.startswith((b"GIF87a", b"GIF89a")):
            return struct.unpack_from("<HH", head, 6)
        if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            return _webp(head)
        if head.startswith(b"\xff\xd8"):
            return _jpeg(head)
    except struct.error:
        pass
    return None


def _decode_head(data: str) -> bytes:
    head = data[: _HEAD - _HEAD % 4]
    try:
        return binascii.a2b_base64(head)
    except (binascii.Error, ValueError):
        return b""


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", head, 24)
        return (low_width | high_width << 16) + 1, (low_height | high_height << 16) + 1
    return None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while True:
        marker, kind, length = struct.unpack_from(">BBH", head, at)
        if marker != 0xFF:
            return None
        if kind in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        at += 1 if kind == 0xFF else 2 + length
