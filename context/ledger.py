"""What was decided about the messages of a conversation, once and for ever.

An *epoch* is a set of decisions about the first ``depth`` messages of a history, named by the
chain hash of the last of them. It takes the place of the epoch before it. What it does not mention
is sent as it came, and so is everything after its depth.
"""

from enum import StrEnum

import msgspec

from context.lineage import Hash

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


class Cause(StrEnum):
    """Why an epoch began: the budget was about to be exceeded, the cache was cold anyway, or the
    calls to come are cheaper for it."""

    PRESSURE = "pressure"
    COLD = "cold"
    ECONOMY = "economy"


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


class Epoch(msgspec.Struct, frozen=True, array_like=True):
    """``decisions`` are in order of position, at most one for each; ``escape``: the API is asked to
    drop thinking that is bound to what was changed, instead of our removing it. Tokens are the
    whole prompt's, by our estimate times the model's ratio."""

    chain: Hash
    depth: int
    cause: Cause
    number: int
    tokens_before: int
    tokens_after: int
    escape: bool
    decisions: tuple[Decision, ...]


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
