"""Is this request a re-send of one that is known, or a new one? Pure.

Clients that waited too long send the identical request again; that one must not be paid for
twice. Two clients that happen to ask the same want two answers.
"""

from dataclasses import dataclass
from typing import Literal

from palimpsest.exchanges.model import Identity
from palimpsest.runtime.errors import BadRequest

Mode = Literal["always", "session", "never"]


@dataclass(frozen=True, slots=True)
class Known:
    """The request that holds the claim. ``waiting``: its first client is still connected."""

    same_identity: bool
    ended_without_answer: bool
    delivered: bool
    waiting: bool


def is_resend(mode: Mode, identity: Identity, known: Known) -> bool:
    """Whether to attach to ``known``; raises BadRequest for a key that named another request."""
    if mode == "never" or known.ended_without_answer:
        return False
    by_name = identity.keyed or identity.named is not None
    if by_name and not known.same_identity:
        raise BadRequest("this key or request id belongs to a request with another body or key")
    if known.delivered:
        return by_name
    return mode == "always" or not known.waiting or identity.marked or identity.session
