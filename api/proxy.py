"""What the routes work with: everything the composition root built, typed."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request
from temporalio.worker import Worker

from api.admission import Admission
from api.deliveries import Deliveries
from api.departures import Departures
from engine.knowing import Knowing
from engine.starter import Starter
from metrics import Metrics
from providers.exchange import Exchanges
from providers.following import Following
from providers.past import PastReader
from providers.placing import Placing
from providers.unrewritten import Unrewritten
from providers.upstream import Upstream
from settings import Settings
from store.conversations import ConversationStore
from store.database import Database
from store.journal import Journal
from store.ledger import LedgerStore
from store.requests import RequestStore
from store.stats import StatsStore
from store.vault import Vault


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
    ledger: LedgerStore
    known: Knowing
    following: Following | None = None


def proxy_of(request: Request) -> Proxy:
    return cast("Proxy", request.app.state.proxy)
