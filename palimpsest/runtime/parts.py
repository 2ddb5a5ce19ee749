"""The parts of a proxy process, room by room: what the composition root builds and routes use."""

from dataclasses import dataclass

from temporalio.client import Client
from temporalio.worker import Worker

from palimpsest.conversations.callers import Callers
from palimpsest.conversations.lookup import ConversationLookup, EpochLookup
from palimpsest.conversations.rewriter import ContextRewriter
from palimpsest.conversations.unchanged import UnchangedConversations
from palimpsest.exchanges.acceptance import Acceptance
from palimpsest.exchanges.disconnects import Deliveries, Disconnects
from palimpsest.exchanges.end_poller import EndPoller
from palimpsest.exchanges.idempotency import Idempotency
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.forwarding.attempt import Wire
from palimpsest.forwarding.calls import UpstreamCalls
from palimpsest.forwarding.recovery import Recovery
from palimpsest.memory.indexer import Indexer
from palimpsest.memory.injector import Injector
from palimpsest.memory.permission import Permission
from palimpsest.providers.upstream import Upstream
from palimpsest.relay.link import Link
from palimpsest.runtime.heartbeat import Heartbeat
from palimpsest.runtime.metrics import Metrics
from palimpsest.runtime.settings import Settings
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.journal import Journal
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.postgres.stats import StatsStore
from palimpsest.store.postgres.summaries import SummaryStore
from palimpsest.store.spill import Spill
from palimpsest.store.vault import Vault
from palimpsest.store.vectors.model import VectorIndex
from palimpsest.temporal.starter import Starter


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is kept on record."""

    database: Database
    requests: RequestStore
    conversations: ConversationStore
    epochs: EpochStore
    summaries: SummaryStore
    journal: Journal
    stats: StatsStore
    vault: Vault
    spill: Spill


@dataclass(frozen=True, slots=True)
class Foundation:
    """What every other part stands on. ``owner`` names this process; ``attributes``: the namespace
    has our search attributes; ``link`` is to other processes, where there are any."""

    settings: Settings
    owner: str
    metrics: Metrics
    stores: Stores
    client: Client
    attributes: bool
    upstream: Upstream
    callers: Callers
    exchanges: ExchangeRegistry
    heart: Heartbeat
    link: Link | None


@dataclass(frozen=True, slots=True)
class Context:
    """Conversations, and what the model sees of them."""

    callers: Callers
    lookup: ConversationLookup
    epochs: EpochLookup
    unchanged: UnchangedConversations
    rewriter: ContextRewriter


@dataclass(frozen=True, slots=True)
class MemoryParts:
    """Memories, their index, and what puts them before the model."""

    store: MemoryStore
    permission: Permission
    index: VectorIndex
    indexer: Indexer
    injector: Injector


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Calls to the provider."""

    wire: Wire
    recovery: Recovery
    calls: UpstreamCalls


@dataclass(frozen=True, slots=True)
class Edge:
    """Clients: how they come in, and what becomes of their answers."""

    acceptance: Acceptance
    idempotency: Idempotency
    deliveries: Deliveries
    disconnects: Disconnects
    end_poller: EndPoller


@dataclass(frozen=True, slots=True)
class Process:
    """One proxy process, as routes and tests see it; ``owner`` names it."""

    settings: Settings
    owner: str
    metrics: Metrics
    stores: Stores
    exchanges: ExchangeRegistry
    upstream: Upstream
    context: Context
    memory: MemoryParts
    edge: Edge
    starter: Starter
    worker: Worker
