"""The requests of a soak: good ones, and bodies and headers that no client should send."""

import gzip
import random
import secrets
from typing import Any

import msgspec

KEY = "sk-ant-soak-" + secrets.token_hex(8)
SESSION = "x-claude-code-session-id"
_BOMB_BYTES = 200 * 1024 * 1024

ODD_BODIES: tuple[bytes, ...] = (
    b"",
    b"null",
    b"[]",
    b'{"model":"m","messages":[',
    b'{"model":"m","max_tokens":1,"messages":[{"role":null,"content":"x"}]}',
    b'{"model":"m","max_tokens":1,"messages":[{"role":7,"content":"x"}]}',
    b'{"model":"m","max_tokens":1,"messages":[{"role":["user"],"content":{"a":1}}]}',
    b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":null}]}]}',
    b'{"model":"' + "\N{GRINNING FACE}".encode() * 200 + b'","max_tokens":1,"messages":[]}',
    b'{"model":"m","max_tokens":1e999,"messages":[{"role":"user","content":"\\u0000\\ud800"}]}',
    b'{"model":"m","max_tokens":1,"messages":' + b"[" * 600 + b"]" * 600 + b"}",
    b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"\xff\xfe"}]}',
)
ODD_HEADERS: tuple[dict[str, str], ...] = (
    {"x-palimpsest-context-cap": "9" * 5_000},
    {"x-stainless-retry-count": "9" * 5_000},
    {"x-palimpsest-request-id": "%00"},
    {"anthropic-beta": "x" * 5_000},
    {"last-event-id": "\u00b2"},
    {"content-encoding": "gzip"},
    {"x-palimpsest-context": "sideways"},
)


def good_headers(session: str, **more: str) -> dict[str, str]:
    """Those of Claude Code, which accepts compressed answers."""
    return {
        "x-api-key": KEY,
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
        "accept-encoding": "gzip, deflate, br, zstd",
        SESSION: session,
        **more,
    }


def good_body(words: str, *, stream: bool = True, padding: int = 0) -> bytes:
    """A request that the simulator answers."""
    body: dict[str, Any] = {
        "model": "claude-sonnet-4-6",
        "max_tokens": 32_000,
        "stream": stream,
        "messages": [{"role": "user", "content": f"{words} {'lorem ' * padding}"}],
    }
    return msgspec.json.encode(body)


def odd_request(dice: random.Random) -> tuple[bytes, dict[str, str]]:
    """A body and headers of which at least one is odd."""
    if dice.random() < 0.5:
        return dice.choice(ODD_BODIES), good_headers("odd")
    return good_body(f"odd {dice.random()}"), good_headers("odd", **dice.choice(ODD_HEADERS))


def bomb() -> bytes:
    """A small body that becomes 200 MB."""
    return gzip.compress(b'{"model":"' + b"a" * _BOMB_BYTES, 9)
