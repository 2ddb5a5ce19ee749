"""Ends that waited on disk, handed to the database."""

import asyncio

import structlog

from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.spill import Spill

_log = structlog.stdlib.get_logger()


async def commit_spilled(spill: Spill, requests: RequestStore, request_id: str = "*") -> None:
    """Commit those that wait, or that of one request; raises DatabaseUnavailable."""
    for end in await asyncio.to_thread(spill.kept, request_id):
        if not await requests.settle(end):
            _log.warning("a spilled end came too late", request_id=end.request_id)
        await asyncio.to_thread(spill.forget, end.request_id)
