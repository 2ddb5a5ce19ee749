"""What goes to the provider in place of what came in: a body by recorded decisions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from palimpsest.context.model import Epoch
from palimpsest.context.render import applied, body
from palimpsest.dialects.anthropic.thinking import BINDING_BETA, can_ask_to_drop
from palimpsest.dialects.anthropic.view import RequestView
from palimpsest.providers.headers import RawHeaders

_BETA = b"anthropic-beta"


@dataclass(frozen=True, slots=True)
class Rendered:
    """``epoch`` names the decisions by their chain hash in hex; ``escape``: the body asks the API
    to drop bound thinking, which needs a beta header."""

    epoch: str
    body: bytes = field(repr=False)
    escape: bool

    def headers(self, came: RawHeaders) -> RawHeaders:
        """The request's headers with what the body needs of them."""
        if not self.escape or any(
            BINDING_BETA.encode() in value for name, value in came if name.lower() == _BETA
        ):
            return came
        return (*came, (_BETA, BINDING_BETA.encode()))


def render(view: RequestView, epoch: Epoch, messages: Sequence[bytes] | None = None) -> Rendered:
    """The request by the decisions of an epoch of its own history; ``messages`` where they are
    known to be what the epoch makes of them."""
    seen = applied(view.messages, epoch) if messages is None else messages
    escape = epoch.escape and can_ask_to_drop(view)
    return Rendered(epoch.chain.hex(), body(view, seen, escape=escape), escape)
