"""Sizes from the heads of image files, and what they cost."""

import base64
import struct
from collections.abc import Callable

import pytest

from palimpsest.dialects.anthropic.media import dimensions, image_tokens, pdf_tokens

CAP = 1600


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height)


def jpeg(width: int, height: int) -> bytes:
    exif = b"\xff\xe1" + struct.pack(">H", 2000) + b"\xff\xc0" * 999
    frame = b"\xff\xc2" + struct.pack(">HBHH", 17, 8, height, width)
    return b"\xff\xd8" + exif + b"\xff" + frame


def vp8(width: int, height: int) -> bytes:
    head = b"VP8 " + bytes(4) + bytes(3) + b"\x9d\x01\x2a"
    return b"RIFF" + bytes(4) + b"WEBP" + head + struct.pack("<HH", width, height)


def vp8l(width: int, height: int) -> bytes:
    bits = struct.pack("<I", (width - 1) | (height - 1) << 14)
    return b"RIFF" + bytes(4) + b"WEBPVP8L" + bytes(4) + b"\x2f" + bits


def vp8x(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + size


@pytest.mark.parametrize("image", [png, gif, jpeg, vp8, vp8l, vp8x])
def test_every_format(image: Callable[[int, int], bytes]) -> None:
    assert dimensions(image(1000, 563)) == (1000, 563)
    for length in range(len(image(1000, 563))):
        assert dimensions(image(1000, 563)[:length]) is None


@pytest.mark.parametrize(
    ("width", "height", "tokens"), [(28, 28, 1), (29, 28, 2), (1000, 1000, 1296), (9000, 9000, CAP)]
)
def test_patches(width: int, height: int, tokens: int) -> None:
    data = base64.b64encode(png(width, height) + bytes(5000)).decode()
    assert image_tokens({"type": "base64", "data": data}, CAP) == tokens


@pytest.mark.parametrize(
    "source",
    [{}, {"type": "url", "url": "https://x"}, {"data": "?"}, {"data": "é"}, {"data": "AAAA"}],
)
def test_unknown_sizes_cost_the_cap(source: dict[str, str]) -> None:
    assert image_tokens(source, CAP) == CAP


def test_pdfs_grow_with_their_size() -> None:
    assert 0 < pdf_tokens(0) == pdf_tokens(1000) < pdf_tokens(1_000_000)
