"""What the routes work with: everything the composition root built, typed."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request
from temporalio.worker import Worker

from api.admission import Admission
from palimpsest.conversations.epoch_lookup import PastReader
from palimpsest.conversations.lookup import Placing
from palimpsest.conversations.unchanged import Unrewritten
from palimpsest.exchanges.deliveries import Deliveries
from palimpsest.exchanges.disconnects import Departures
from palimpsest.exchanges.exchange import Exchanges
from palimpsest.providers.upstream import Upstream
from palimpsest.relay.subscriber import Following
from palimpsest.runtime.memory_wiring import MemoryParts
from palimpsest.runtime.metrics import Metrics
from palimpsest.runtime.settings import Settings
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.journal import Journal
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.postgres.stats import StatsStore
from palimpsest.store.vault import Vault
from palimpsest.temporal.starter import Starter


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy process; ``owner`` is its name. With ``following`` other processes call."""

    settings: Settings
    database: Database
    requests: RequestStore
    stats: StatsStore
    exchanges: Exchanges
    upstream: Upstream
    metrics: Metrics
    starter: Starter
    worker: Worker
    admission: Admission
    departures: Departures
    deliveries: Deliveries
    journal: Journal
    vault: Vault
    owner: str
    unrewritten: Unrewritten
    past: PastReader
    placing: Placing
    conversations: ConversationStore
    ledger: EpochStore
    memory: MemoryParts
    following: Following | None = None


def proxy_of(request: Request) -> Proxy:
    return cast("Proxy", request.app.state.proxy)
