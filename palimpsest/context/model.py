"""The decisions about a conversation's messages: made once, recorded, and carried out for ever.

An *epoch* is a set of decisions about the first ``depth`` messages of a history, named by the
chain hash of the last of them. It takes the place of the epoch before it. What it does not mention
is sent as it came, and so is everything after its depth. An *injection* is a block of memories at
the end of a message of the user's; an epoch begins with each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

_VERSION = 1


class ContextMode(StrEnum):
    """What becomes of new decisions; recorded ones are carried out in every mode.

    OFF: none are made
    OBSERVE: they are made and recorded, and the request goes on as it came
    ON: they are made, recorded and sent by
    """

    OFF = "off"
    OBSERVE = "observe"
    ON = "on"


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
    INJECTION = "recall"


class Cause(StrEnum):
    """Why an epoch began.

    PRESSURE: the budget was about to be exceeded
    COLD: the provider's cache was cold anyway
    ECONOMY: the calls to come are cheaper for it
    INJECTION: memories were injected and nothing else changed
    """

    PRESSURE = "pressure"
    COLD = "cold"
    ECONOMY = "economy"
    INJECTION = "recall"


EpochMode = Literal["on", "observe"]
"""How an epoch is used: it is applied, or only recorded and shown."""


class Edit(msgspec.Struct, frozen=True, array_like=True):
    """Replaces a block, given by its number (see blocks.py), by raw JSON; or drops it."""

    block: int
    content: bytes | None
    reason: Reason


class Decision(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What becomes of one message: dropped whole, or edited, without its thinking, with blocks
    appended.

    position: the message's index in the history
    drop: why it is dropped; None: it is not
    thinking: why its thinking is left out; None: it is not
    edits: the blocks that are replaced or dropped
    append: raw JSON of the blocks at its end
    tokens_before: estimated size of the message as it came, before the model's ratio
    tokens_after: the same of what is sent
    """

    position: int
    drop: Reason | None = None
    thinking: Reason | None = None
    edits: tuple[Edit, ...] = ()
    append: tuple[bytes, ...] = ()
    tokens_before: int = 0
    tokens_after: int = 0


class Injection(msgspec.Struct, frozen=True, array_like=True):
    """A block of memories at the end of a message of the user's.

    position: the message's index in the history
    block: the block's raw JSON
    tokens: its estimated size, before the model's ratio
    memories: the ids of the memories in it
    summary: what a response header says of it
    """

    position: int
    block: bytes
    tokens: int
    memories: tuple[str, ...]
    summary: str


class Epoch(msgspec.Struct, frozen=True, array_like=True):
    """Decisions about the beginning of a history.

    chain: the chain hash through its last message, the epoch's name
    depth: how many messages it is about
    cause: why it began
    number: how many epochs have pruned the history, this one included
    tokens_before: the whole prompt's size before it, estimated tokens times the model's ratio
    tokens_after: the same after it
    escape: the API is asked to drop thinking that is bound to what was changed
    decisions: in order of position, at most one for each
    injections: in order of position, for messages that are sent
    cut: the depth up to which the history was last pruned; None: all of it
    """

    chain: bytes
    depth: int
    cause: Cause
    number: int
    tokens_before: int
    tokens_after: int
    escape: bool
    decisions: tuple[Decision, ...]
    injections: tuple[Injection, ...] = ()
    cut: int | None = None

    def pruned_depth(self) -> int:
        """The messages that the last pruning epoch was about."""
        return self.depth if self.cut is None else self.cut

    def reduced(self) -> set[int]:
        """The positions of messages that are not sent, or not whole."""
        return {made.position for made in self.decisions if made.drop or made.edits}

    def changes(self) -> Sequence[Decision]:
        """The decisions, with the injections as blocks appended."""
        if not self.injections:
            return self.decisions
        made = {decision.position: decision for decision in self.decisions}
        for injection in self.injections:
            decision = made.get(injection.position) or Decision(injection.position)
            appended = (*decision.append, injection.block)
            made[injection.position] = msgspec.structs.replace(decision, append=appended)
        return [made[position] for position in sorted(made)]


_DECODER = msgspec.msgpack.Decoder(tuple[int, Epoch])


@dataclass(frozen=True, slots=True)
class RecordedEpoch:
    """An epoch on record; ``request_id`` is the request that it began with."""

    epoch: Epoch
    mode: EpochMode
    request_id: str
    created_at: datetime


def encode(epoch: Epoch) -> bytes:
    """The epoch for storage."""
    return msgspec.msgpack.encode((_VERSION, epoch))


def decode(stored: bytes) -> Epoch:
    """The stored epoch; raises ValueError for a version that is not known here."""
    version, epoch = _DECODER.decode(stored)
    if version != _VERSION:
        raise ValueError(f"epoch version {version} is unknown")
    return epoch
