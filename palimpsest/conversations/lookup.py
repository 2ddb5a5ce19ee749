"""Where a request stands in what is known. The look begins while the engine starts the workflow,
which takes several times as long, and the first activity waits for what is left of it."""

import asyncio
from dataclasses import dataclass

from palimpsest.conversations.lineage import Hash
from palimpsest.conversations.project import lineage, project_of
from palimpsest.dialects.anthropic.view import RequestView
from palimpsest.exchanges.exchange import Exchange, Exchanges
from palimpsest.gateway.model import TENANT
from palimpsest.runtime.errors import PalimpsestError
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.conversations import ConversationStore, Place


@dataclass(frozen=True, slots=True)
class Placed:
    """``project`` is the client's working directory, ``chain`` the lineage of the messages."""

    project: str
    chain: tuple[Hash, ...]
    place: Place


class Placing:
    """Places requests; one that another process accepted is looked up when it is asked for."""

    def __init__(self, exchanges: Exchanges, conversations: ConversationStore) -> None:
        self._exchanges = exchanges
        self._conversations = conversations

    def begin(self, exchange: Exchange) -> None:
        """Look it up now, for who asks soon."""
        exchange.placing = asyncio.create_task(self._early(exchange.view))

    async def of(self, request_id: str, view: RequestView) -> Placed:
        """Raises DatabaseUnavailable."""
        exchange = self._exchanges.get(request_id)
        placed = None
        if exchange and exchange.placing:
            # Once: whoever asks again wants another look.
            begun, exchange.placing = exchange.placing, None
            placed = await begun
        return placed or await self._look(view)

    async def _early(self, view: RequestView) -> Placed | None:
        try:
            return await self._look(view)
        except PalimpsestError:
            return None

    async def _look(self, view: RequestView) -> Placed:
        project = project_of(view)
        chain = await off_the_loop(len(view.body), lineage, TENANT, view, project)
        return Placed(project, chain, await self._conversations.place(chain))
