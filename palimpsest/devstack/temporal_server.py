"""The real Temporal server, its services in one process, on the embedded Postgres.

Its visibility store is a SQLite file: the schema for Postgres needs the extension ``btree_gin``,
which the wheel does not carry. What a request waits for is in Postgres all the same.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import msgspec

from palimpsest.devstack import ports
from palimpsest.devstack.orphans import tag
from palimpsest.devstack.ports import LOOPBACK
from palimpsest.devstack.postgres import ROLE, EmbeddedPostgres
from palimpsest.devstack.process import Child, ChildService
from palimpsest.devstack.progress import Say, silent
from palimpsest.devstack.temporal_binary import temporal_server
from palimpsest.devstack.temporal_config import DYNAMIC_CONFIG, GO_MEMORY
from palimpsest.devstack.temporal_ready import until_ready
from palimpsest.runtime.errors import StartupFailed

SERVICES = ("frontend", "history", "matching")
"""Not ``worker``: no feature of ours needs its system workflows, and it takes 15 s to stop."""

PORTS = (
    "grpc",
    "http",
    "metrics",
    *(f"{service}-grpc" for service in SERVICES[1:]),
    *(f"{service}-membership" for service in SERVICES),
)
SHARDS = 128
"""Immutable once the schema exists."""

PLUGIN = "postgres12_pgx"
"""The driver that takes a Unix socket in its attributes."""

DATABASE = "temporal"
SCHEMA = "postgresql/v12/temporal"
CONNECTIONS = 20

VISIBILITY_ATTRIBUTES = {
    "mode": "rwc",
    "setup": "true",
    "journal_mode": "wal",
    "synchronous": "normal",
    "busy_timeout": "5000",
}


class TemporalServer(ChildService):
    """One server; ``ports`` (``PORTS``) stay the same over a restart. It has no UI of its own."""

    def __init__(
        self,
        data_dir: Path,
        postgres: EmbeddedPostgres,
        *,
        namespace: str = "default",
        retention: timedelta = timedelta(days=7),
        wanted: dict[str, int] | None = None,
        cache: Path | None = None,
        report: Say = silent,
    ) -> None:
        super().__init__(patience=15.0)
        self.data_dir = data_dir.resolve()
        self.directory = self.data_dir / "temporal-server"
        self.log = self.data_dir / "logs" / "temporal.log"
        self.postgres = postgres
        self.namespace = namespace
        self.retention = retention
        self.ports = ports.choose({name: (wanted or {}).get(name) for name in PORTS})
        self._cache = cache
        self._report = report

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.ports['grpc']}"

    async def launch(self) -> None:
        """Bring the schema up to date and start the server. Raises StartupFailed."""
        server, sql_tool = await temporal_server(self._cache, self._report)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._migrate(sql_tool)
        config = self._write_config()
        self._child = await Child.spawn(
            [
                *(server, "--config-file", config, "--allow-no-auth", "start"),
                *(f"--service={service}" for service in SERVICES),
            ],
            env=GO_MEMORY | tag(self.data_dir, "temporal"),
            log=self.log,
            cwd=self.directory,
        )

    async def ready(self) -> None:
        """Register the namespace and query it. Raises StartupFailed, with the last words."""
        await until_ready(self.address, self.namespace, lambda: self.child, register=self.retention)

    @classmethod
    @asynccontextmanager
    async def running(cls, data_dir: Path, postgres: EmbeddedPostgres) -> AsyncGenerator[Self]:
        """A server for the length of a ``with`` block, on a Postgres that runs."""
        server = cls(data_dir, postgres)
        try:
            await server.launch()
            await server.ready()
            yield server
        finally:
            await server.stop()

    async def _migrate(self, sql_tool: Path) -> None:
        """Only where the last server to start here was another version."""
        done = self.directory / "schema-of"
        if _read(done) == sql_tool.name:
            return
        await self.postgres.ensure_database(DATABASE)
        for step in (["setup-schema", "--version", "0.0"], ["update-schema", "-s", SCHEMA]):
            child = await Child.run(
                [
                    *(sql_tool, "--plugin", PLUGIN, "--user", ROLE, "--db", DATABASE),
                    *("--endpoint", "localhost", "--port", "5432"),
                    *("--connect-attributes", urlencode(self._socket()), *step),
                ],
                env=tag(self.data_dir, "temporal-schema"),
                log=self.directory / "schema.log",
            )
            if child.status:
                raise StartupFailed(f"Temporal's schema: {step[0]}: {child.last_words()}")
        done.write_text(sql_tool.name)

    def _socket(self) -> dict[str, str]:
        return {"host": str(self.postgres.socket_dir), "sslmode": "disable"}

    def _write_config(self) -> Path:
        dynamic = self.directory / "dynamic.yaml"
        dynamic.write_bytes(
            msgspec.json.encode({name: [{"value": v}] for name, v in DYNAMIC_CONFIG.items()})
        )
        path = self.directory / "config.yaml"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self._config(dynamic))))
        return path

    def _config(self, dynamic: Path) -> dict[str, Any]:
        """In JSON, which is YAML."""
        return {
            "log": {"stdout": True, "level": "warn", "format": "json"},
            "persistence": {
                "defaultStore": "postgres",
                "visibilityStore": "visibility",
                "numHistoryShards": SHARDS,
                "datastores": {
                    "postgres": {"sql": self._postgres_store()},
                    "visibility": {"sql": self._visibility_store()},
                },
            },
            "global": {
                "membership": {"maxJoinDuration": "30s", "broadcastAddress": LOOPBACK},
                "metrics": {"prometheus": {"listenAddress": f"{LOOPBACK}:{self.ports['metrics']}"}},
            },
            "services": {service: {"rpc": self._rpc(service)} for service in SERVICES},
            "clusterMetadata": {
                "enableGlobalNamespace": False,
                "failoverVersionIncrement": 10,
                "masterClusterName": "active",
                "currentClusterName": "active",
                "clusterInformation": {
                    "active": {
                        "enabled": True,
                        "initialFailoverVersion": 1,
                        "rpcName": "frontend",
                        "rpcAddress": self.address,
                    }
                },
            },
            "dcRedirectionPolicy": {"policy": "noop"},
            "publicClient": {"hostPort": self.address},
            "dynamicConfigClient": {"filepath": str(dynamic), "pollInterval": "60s"},
        }

    def _postgres_store(self) -> dict[str, Any]:
        return {
            "pluginName": PLUGIN,
            "databaseName": DATABASE,
            "connectAddr": "localhost:5432",
            "connectProtocol": "tcp",
            "connectAttributes": self._socket(),
            "user": ROLE,
            "maxConns": CONNECTIONS,
            "maxIdleConns": CONNECTIONS,
            "maxConnLifetime": "1h",
        }

    def _visibility_store(self) -> dict[str, Any]:
        return {
            "pluginName": "sqlite",
            "databaseName": str(self.directory / "visibility.db"),
            "connectAddr": "none",
            "connectProtocol": "none",
            "connectAttributes": VISIBILITY_ATTRIBUTES,
            "maxConns": 4,
            "maxIdleConns": 4,
        }

    def _rpc(self, service: str) -> dict[str, Any]:
        frontend = service == "frontend"
        return {
            "grpcPort": self.ports["grpc" if frontend else f"{service}-grpc"],
            "membershipPort": self.ports[f"{service}-membership"],
            "bindOnLocalHost": True,
            **({"httpPort": self.ports["http"]} if frontend else {}),
        }


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
