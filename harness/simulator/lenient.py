"""The upstream of the bench: no validation, one preset answer, as little work as possible.

Reads only ``"stream"`` and ``"model"`` from the body.
"""

import msgspec

from harness.simulator.events import stream
from harness.simulator.shape import Obj


class Glance(msgspec.Struct):
    """The two fields that decide the answer."""

    model: str = "claude-opus-5-5"
    stream: bool = False


_GLANCE = msgspec.json.Decoder(Glance)
_PHRASE = "The quick brown fox jumps over the lazy dog. "


class Preset:
    """Answers made once per model and kept as bytes."""

    def __init__(self, *, text_chars: int, delta_chars: int) -> None:
        self._text = (_PHRASE * (text_chars // len(_PHRASE) + 1))[:text_chars]
        self._delta_chars = delta_chars
        self._made: dict[str, tuple[list[bytes], bytes]] = {}

    def answer(self, body: bytes) -> tuple[bool, list[bytes]]:
        """Whether it is a stream, and its pieces: events, or one JSON document."""
        try:
            glance = _GLANCE.decode(body)
        except msgspec.MsgspecError:
            glance = Glance()
        made = self._made.get(glance.model)
        if made is None:
            made = self._made[glance.model] = self._make(glance.model)
        events, document = made
        return (True, events) if glance.stream else (False, [document])

    def _make(self, model: str) -> tuple[list[bytes], bytes]:
        message: Obj = {
            "model": model,
            "id": "msg_01preset0000000000000000",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": self._text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": 25,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": max(1, len(self._text) // 4),
            },
        }
        events, _ = stream(message, delta_chars=self._delta_chars)
        return events, msgspec.json.encode(message)
