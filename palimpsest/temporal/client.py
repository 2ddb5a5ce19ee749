"""The connection to Temporal."""

import asyncio

from temporalio.client import Client
from temporalio.service import GrpcCompression, RPCError

from palimpsest.runtime.errors import EngineUnavailable
from palimpsest.runtime.settings import Settings
from palimpsest.temporal.payloads import DATA_CONVERTER


async def connect(settings: Settings, address: str) -> Client:
    """A client of the configured namespace; raises EngineUnavailable within the engine timeout."""
    try:
        async with asyncio.timeout(settings.engine_timeout):
            return await Client.connect(
                address,
                data_converter=DATA_CONVERTER,
                namespace=settings.temporal_namespace,
                tls=settings.temporal_tls,
                api_key=settings.temporal_api_key,
                # References are small, and gzip took 2 % of the engine's time and ours.
                grpc_compression=GrpcCompression.NONE,
            )
    except (RuntimeError, RPCError, OSError, TimeoutError) as error:
        raise EngineUnavailable(f"Temporal at {address} does not answer: {error}") from error
