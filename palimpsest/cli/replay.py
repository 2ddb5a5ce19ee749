"""`palimpsest replay ID`: replays a request's history from the server against this code."""

import sys

from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from palimpsest.devstack.addresses import addresses
from palimpsest.runtime.errors import (
    EngineUnavailable,
    Expired,
    NotFound,
    StartupFailed,
)
from palimpsest.runtime.settings import Settings
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.temporal.client import connect
from palimpsest.temporal.replay import replayer


async def replay(settings: Settings, request_id: str) -> int:
    """0 when the history replays, 1 when the code no longer does what it did."""
    found = addresses(settings)
    if found.temporal is None:
        raise StartupFailed("nothing is running here: start it with `make up`, then replay")
    client = await connect(settings, found.temporal)
    history = await _history(client, request_id, found.database, settings)
    result = await replayer().replay_workflow(history, raise_on_replay_failure=False)
    events = len(history.events)
    if result.replay_failure is not None:
        sys.stdout.write(f"{request_id}: {events} events, replay FAILED\n{result.replay_failure}\n")
        return 1
    sys.stdout.write(f"{request_id}: {events} events, replayed\n")
    return 0


async def _history(
    client: Client, request_id: str, database_url: str, settings: Settings
) -> WorkflowHistory:
    try:
        return await client.get_workflow_handle(request_id).fetch_history()
    except RPCError as error:
        if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            raise EngineUnavailable(f"Temporal: {error.message}") from error
    if await _is_recorded(database_url, request_id, settings.engine_timeout):
        raise Expired(
            f"the history of {request_id} has expired: the engine keeps histories for "
            f"{settings.history_retention_days} days (PALIMPSEST_HISTORY_RETENTION_DAYS)"
        )
    raise NotFound(f"there is no request {request_id}")


async def _is_recorded(database_url: str, request_id: str, timeout: float) -> bool:
    database = Database(database_url, timeout)
    try:
        await RequestStore(database).read_request(request_id)
    except NotFound:
        return False
    finally:
        await database.close()
    return True
