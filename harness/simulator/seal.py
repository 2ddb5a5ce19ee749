"""Signs thinking blocks and checks the signatures.

A signature names the model, the state of the conversation when the block was made, and the
thinking block before it, under an HMAC that covers the block's own text. The state is kept by a
`Binder`, which is led through the prompt block by block.
"""

import base64
import hashlib
import hmac
from typing import Any

import msgspec

from harness.simulator.canonical import (
    block_digest,
    link,
    system_digest,
    tools_digest,
)
from harness.simulator.shape import Obj


class Bond(msgspec.Struct, frozen=True):
    """What a thinking block is bound to; hashes in hex."""

    model: str
    system: str
    tools: str
    messages: str
    before: str


class Seal:
    """The key of one simulator. The same key in each, so that a restart does not matter."""

    def __init__(self, key: bytes = b"palimpsest upstream simulator") -> None:
        self._key = key

    def sign(self, bond: Bond, text: str) -> str:
        """The signature of a thinking block with that text."""
        bare = msgspec.json.encode(bond)
        mac = hmac.new(self._key, bare + b"\0" + text.encode(), hashlib.sha256).digest()
        return base64.b64encode(mac + bare).decode()

    def open(self, signature: Any, text: str) -> Bond | None:
        """What the block is bound to, or None when the signature is not ours for that text."""
        try:
            raw = base64.b64decode(str(signature), validate=True)
            mac, bare = raw[:32], raw[32:]
            right = hmac.new(self._key, bare + b"\0" + text.encode(), hashlib.sha256).digest()
            return msgspec.json.decode(bare, type=Bond) if hmac.compare_digest(mac, right) else None
        except (ValueError, msgspec.MsgspecError):
            return None


class Binder:
    """The state of a prompt at one point: what a thinking block made here is bound to."""

    def __init__(self, seal: Seal, model: str, body: Obj, *, omit: bool = False) -> None:
        self._seal, self._model, self._omit = seal, model, omit
        self._system = system_digest(body).hex()
        self._tools = tools_digest(body).hex()
        self._messages = bytes(16)
        self._before = ""

    def bond(self) -> Bond:
        """What a thinking block made now is bound to."""
        return Bond(self._model, self._system, self._tools, self._messages.hex(), self._before)

    def past(self, role: str, block: Obj) -> None:
        """Step over a block that is not thinking."""
        self._messages = link(self._messages, block_digest(role, block))

    def past_thinking(self, block: Obj) -> None:
        """Step over a valid thinking block."""
        mark = str(block.get("signature") or block.get("data") or "")
        self._before = hashlib.sha256(mark.encode()).hexdigest()[:16]

    def sign(self, block: Obj) -> Obj:
        """The scripted thinking block, signed for this point."""
        if block["type"] == "redacted_thinking":
            done: Obj = {"type": "redacted_thinking", "data": self._seal.sign(self.bond(), "")}
        else:
            text = "" if self._omit else str(block["thinking"])
            done = {
                "type": "thinking",
                "thinking": text,
                "signature": self._seal.sign(self.bond(), text),
            }
        self.past_thinking(done)
        return done

    def saw(self, block: Obj) -> None:
        """Step over another block of the answer."""
        self.past("assistant", block)
