"""What the routes work with: everything the composition root built, typed."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request
from temporalio.worker import Worker

from api.admission import Admission
from api.departures import Departures
from engine.starter import Starter
from metrics import Metrics
from providers.exchange import Exchanges
from providers.upstream import Upstream
from settings import Settings
from store.database import Database
from store.requests import RequestStore
from store.stats import StatsStore


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy process."""

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


def proxy_of(request: Request) -> Proxy:
    return cast("Proxy", request.app.state.proxy)
