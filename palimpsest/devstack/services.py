"""Which children the stack has: what is not given by a setting is embedded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from palimpsest.devstack import edge as edge_child
from palimpsest.devstack.edge import Edge
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.process import Child
from palimpsest.devstack.progress import Say
from palimpsest.devstack.state import State
from palimpsest.devstack.temporal_dev import TemporalDev
from palimpsest.devstack.temporal_server import TemporalServer
from palimpsest.devstack.temporal_ui import TemporalUi
from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.settings import Settings


class WrongSetting(StartupFailed):
    """A setting that is well formed and cannot be: exit status 2."""


class Service(Protocol):
    """A child that can be launched again and again, on the same ports."""

    ports: dict[str, int]

    @property
    def child(self) -> Child: ...

    async def launch(self) -> None:
        """Start the process. Raises StartupFailed, OSError."""
        ...

    async def ready(self) -> None:
        """Return once a query succeeded. Raises StartupFailed."""
        ...

    async def stop(self) -> None: ...


@dataclass(frozen=True)
class Stack:
    """``services`` by role, in the order to start them; ``temporal_ui`` is a URL."""

    services: dict[str, Service]
    edge: Edge
    temporal_address: str
    temporal_ui: str | None


def compose(
    settings: Settings,
    data_dir: Path,
    state: State,
    say: Say,
    edge_command: Sequence[str] = edge_child.COMMAND,
) -> Stack:
    """Choose the services and their ports. Raises WrongSetting."""
    services: dict[str, Service] = {}
    database_url = settings.database_url
    postgres: EmbeddedPostgres | None = None
    if database_url is None:
        postgres = EmbeddedPostgres(data_dir)
        services["postgres"] = postgres
        database_url = postgres.url
    address, ui = settings.temporal_address, None
    if address is None:
        address, ui = _add_temporal(services, settings, data_dir, state, say, postgres)
    edge = Edge(
        data_dir,
        settings.host,
        settings.port,
        {
            "DATABASE_URL": database_url,
            "TEMPORAL_ADDRESS": address,
            "TEMPORAL_NAMESPACE": settings.temporal_namespace,
        },
        command=edge_command,
        drain=settings.drain_timeout,
    )
    services["edge"] = edge
    return Stack(services, edge, address, ui)


def _add_temporal(
    services: dict[str, Service],
    settings: Settings,
    data_dir: Path,
    state: State,
    say: Say,
    postgres: EmbeddedPostgres | None,
) -> tuple[str, str]:
    """The address and the UI's URL."""
    namespace = settings.temporal_namespace
    wanted = state.ports_of("temporal")
    if settings.temporal_server == "dev":
        dev = TemporalDev(data_dir, namespace=namespace, wanted=wanted, report=say)
        services["temporal"] = dev
        return dev.address, dev.ui_url
    if postgres is None:
        raise WrongSetting(
            "PALIMPSEST_TEMPORAL_SERVER=postgres is for the embedded database: "
            "unset DATABASE_URL, or set TEMPORAL_ADDRESS"
        )
    retention = timedelta(days=settings.history_retention_days)
    server = TemporalServer(
        data_dir, postgres, namespace=namespace, retention=retention, wanted=wanted, report=say
    )
    ui_ports = state.ports_of("temporal-ui")
    ui = TemporalUi(data_dir, server.address, namespace=namespace, wanted=ui_ports, report=say)
    services["temporal"] = server
    services["temporal-ui"] = ui
    return server.address, ui.ui_url
