"""What was decided about the messages of a conversation, once and for ever.

An *epoch* is a set of decisions about the first ``depth`` messages of a history, named by the
chain hash of the last of them. It takes the place of the epoch before it. What it does not mention
is sent as it came, and so is everything after its depth. A *recall* is a block of what is known,
put at the end of a message of the user's; an epoch begins with each.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

_VERSION = 1


class Reason(StrEnum):
    """Why a message is not sent as it came."""

    DUPLICATE = "duplicate"
    OLD_RESULT = "old_result"
    OLD_EXCHANGE = "old_exchange"
    OLD_THINKING = "old_thinking"
    BOUND_THINKING = "bound_thinking"
    OLD_TEXT = "old_text"
    CLIENT_OUTPUT = "client_output"
    LONG_TEXT = "long_text"
    MANIFEST = "manifest"
    RECALL = "recall"


class Cause(StrEnum):
    """Why an epoch began: the budget was about to be exceeded, the cache was cold anyway, the calls
    to come are cheaper for it, or something was recalled and nothing else changed."""

    PRESSURE = "pressure"
    COLD = "cold"
    ECONOMY = "economy"
    RECALL = "recall"


class Edit(msgspec.Struct, frozen=True, array_like=True):
    """Replaces a block, given by its number (see blocks.py), by raw JSON; or drops it."""

    block: int
    content: bytes | None
    reason: Reason


class Decision(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What becomes of the message at ``position``: dropped whole, or edited, without its thinking,
    with blocks appended. Reasons say why; ``tokens_*`` are estimates of the message's size."""

    position: int
    drop: Reason | None = None
    thinking: Reason | None = None
    edits: tuple[Edit, ...] = ()
    append: tuple[bytes, ...] = ()
    tokens_before: int = 0
    tokens_after: int = 0


class Recall(msgspec.Struct, frozen=True, array_like=True):
    """A content block at the end of the message at ``position``. ``memories`` are the ids of what
    it tells of; ``summary`` is what the client is told of it."""

    position: int
    block: bytes
    tokens: int
    memories: tuple[str, ...]
    summary: str


class Epoch(msgspec.Struct, frozen=True, array_like=True):
    """``decisions`` are in order of position, at most one for each; ``escape``: the API is asked to
    drop thinking that is bound to what was changed, instead of our removing it. Tokens are the
    whole prompt's, by our estimate times the model's ratio. ``number`` counts the epochs that
    pruned. ``recalled`` is in order, for messages that are sent; ``cut`` is the depth up to which
    the history was last pruned, None: all of it."""

    chain: bytes
    depth: int
    cause: Cause
    number: int
    tokens_before: int
    tokens_after: int
    escape: bool
    decisions: tuple[Decision, ...]
    recalled: tuple[Recall, ...] = ()
    cut: int | None = None

    def pruned_depth(self) -> int:
        """The messages that the last pruning epoch was about."""
        return self.depth if self.cut is None else self.cut

    def reduced(self) -> set[int]:
        """The positions of messages that are not sent, or not whole."""
        return {made.position for made in self.decisions if made.drop or made.edits}

    def changes(self) -> Sequence[Decision]:
        """The decisions with what was recalled."""
        if not self.recalled:
            return self.decisions
        made = {decision.position: decision for decision in self.decisions}
        for recall in self.recalled:
            decision = made.get(recall.position) or Decision(recall.position)
            appended = (*decision.append, recall.block)
            made[recall.position] = msgspec.structs.replace(decision, append=appended)
        return [made[position] for position in sorted(made)]


_DECODER = msgspec.msgpack.Decoder(tuple[int, Epoch])


def encode(epoch: Epoch) -> bytes:
    """The epoch for storage."""
    return msgspec.msgpack.encode((_VERSION, epoch))


def decode(stored: bytes) -> Epoch:
    """The stored epoch; raises ValueError for a version that is not known here."""
    version, epoch = _DECODER.decode(stored)
    if version != _VERSION:
        raise ValueError(f"epoch version {version} is unknown")
    return epoch
