"""Is this answer of the Messages API complete and correct?"""

from typing import Any

import msgspec

from harness.bench.window import RequestFailed


class _Message(msgspec.Struct):
    type: str
    stop_reason: str | None
    content: list[Any]


_MESSAGE = msgspec.json.Decoder(_Message)


def check(status: int, body: bytes | bytearray, *, stream: bool) -> None:
    """Raise ``RequestFailed`` unless the answer is a 200 that was neither cut nor an error."""
    if status != 200:
        raise RequestFailed(f"status {status}: {bytes(body[:200])!r}")
    if stream:
        _check_stream(body)
        return
    try:
        message = _MESSAGE.decode(body)
    except msgspec.DecodeError as error:
        raise RequestFailed(f"not a message: {error}") from error
    if message.type != "message" or not message.stop_reason or not message.content:
        raise RequestFailed(f"not a whole message: {bytes(body[:200])!r}")


def _check_stream(body: bytes | bytearray) -> None:
    if b"message_start" not in body[:200]:
        raise RequestFailed(f"no message_start: {bytes(body[:200])!r}")
    tail = bytes(body[-200:]).rstrip()
    _, event, data = tail.rpartition(b"event: message_stop")
    if not event or not data.strip().startswith(b"data:") or not data.endswith(b"}"):
        raise RequestFailed(f"cut: it ends with {tail[-120:]!r}")
