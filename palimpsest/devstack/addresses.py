"""Where a running stack's parts are: from the settings, else from what its supervisor wrote."""

from dataclasses import dataclass

from palimpsest.devstack.ports import LOOPBACK
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.state import load
from palimpsest.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Addresses:
    """None for an engine that is neither configured nor started here."""

    temporal: str | None
    database: str


def addresses(settings: Settings) -> Addresses:
    """Look up the Temporal address and the database URL."""
    port = load(settings.data_dir).ports_of("temporal").get("grpc")
    return Addresses(
        temporal=settings.temporal_address or (f"{LOOPBACK}:{port}" if port else None),
        database=settings.database_url or EmbeddedPostgres(settings.data_dir).url,
    )
