"""Which conversations went to the provider as they came, as far as this process remembers.

With the database away nobody can tell what a conversation was rewritten to; but what passed here
unchanged a turn ago may pass unchanged again.
"""

from palimpsest.conversations.model import Lineage, rooted
from palimpsest.dialects.model import RequestView, Role
from palimpsest.runtime.lru import Memo

_REMEMBERED = 4_096


class UnchangedConversations:
    """Holds the newest positions of lines that passed as they came, by chain hash."""

    def __init__(self) -> None:
        self._positions: Memo[bytes, bool] = Memo(_REMEMBERED)

    def record(self, lineage: Lineage) -> None:
        """Record that the request with this lineage goes on as it came."""
        self._positions.put(rooted(lineage.line, lineage.history[-1:])[0], True)

    def proves_unchanged(self, view: RequestView, lineage: Lineage) -> bool:
        """Whether nothing of it can have been rewritten: the model has not spoken yet, or once
        since a request that passed. Twice, and the turn between may have been rewritten."""
        spoken = 0
        for name, message in zip(reversed(lineage.history), reversed(view.messages), strict=True):
            if self._positions.get(rooted(lineage.line, (name,))[0]):
                return True
            spoken += view.dialect.role(message) is Role.ASSISTANT
            if spoken > 1:
                return False
        return not spoken
