"""Signs thinking blocks anew, so that the strict rules can check what they are bound to.

A signature is as long as the recorded one, since the estimate of thinking goes by that length.
"""

import base64
import copy
import hashlib
import hmac
from typing import Any

import msgspec

from harness.simulator.canonical import THINKING
from harness.simulator.seal import Binder, Bond, Seal

_KEY = b"palimpsest eval"


class Signer:
    """Signs as the simulator would; ``seal`` opens what it signed."""

    def __init__(self) -> None:
        self.seal = Seal(_KEY)

    def reply(self, message: dict[str, Any], binder: Binder) -> dict[str, Any]:
        """The assistant's message as the API would answer the prompt that ``binder`` has passed."""
        at = copy.copy(binder)
        content = [self._block(block, at) for block in message["content"]]
        return {**message, "content": content}

    def _block(self, block: dict[str, Any], binder: Binder) -> dict[str, Any]:
        if block["type"] not in THINKING:
            binder.saw(block)
            return block
        field = "signature" if block["type"] == "thinking" else "data"
        text = str(block.get("thinking", ""))
        signed = {**block, field: self._sign(binder.bond(), text, len(block.get(field) or ""))}
        binder.past_thinking(signed)
        return signed

    def _sign(self, bond: Bond, text: str, length: int) -> str:
        """Spaces after the JSON give the length; three bytes are four characters."""
        bare = msgspec.json.encode(bond)
        bare += b" " * (length // 4 * 3 - 32 - len(bare))
        mac = hmac.new(_KEY, bare + b"\0" + text.encode(), hashlib.sha256).digest()
        return base64.b64encode(mac + bare).decode()
