"""What goes to the provider in place of what came in: a body by recorded decisions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from palimpsest.context.model import Epoch
from palimpsest.context.render import apply_epoch
from palimpsest.dialects.model import RequestView
from palimpsest.providers.headers import RawHeaders


@dataclass(frozen=True, slots=True)
class Rendered:
    """The body that goes to the provider.

    epoch: the chain hash, in hex, of the epoch that it is rendered by
    body: its bytes
    needed: a header, a list of values, that the API wants with this body
    """

    epoch: str
    body: bytes = field(repr=False)
    needed: tuple[bytes, bytes] | None = None

    def headers(self, came: RawHeaders) -> RawHeaders:
        """The request's headers with what the body needs of them."""
        if self.needed is None:
            return came
        header, wanted = self.needed
        if any(wanted in value for name, value in came if name.lower() == header):
            return came
        return (*came, self.needed)


def render(view: RequestView, epoch: Epoch, messages: Sequence[bytes] | None = None) -> Rendered:
    """The request by the decisions of an epoch of its own history; ``messages`` where they are
    known to be what the epoch makes of them."""
    dialect = view.dialect
    seen = apply_epoch(view, epoch) if messages is None else messages
    escape = epoch.escape and dialect.can_ask_to_drop(view)
    body = dialect.build_body(view, seen, escape=escape)
    return Rendered(epoch.chain.hex(), body, dialect.escape_header() if escape else None)
