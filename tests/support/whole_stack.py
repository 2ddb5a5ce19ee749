"""A real `palimpsest up`: supervisor, Postgres, Temporal and edge, each a process of its own."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.support.supervisor import Up, start, until

COMMAND = (sys.executable, "-P", "-m", "palimpsest.cli", "up")
ENDED_WITHIN = 15.0


@asynccontextmanager
async def whole(data_dir: Path, upstream_url: str, **env: str) -> AsyncGenerator[Up]:
    """A stack that is ready; ``env`` are further settings, without their prefix."""
    settings = {f"PALIMPSEST_{name.upper()}": value for name, value in env.items()}
    settings["PALIMPSEST_UPSTREAM_URL"] = upstream_url
    async with start(data_dir, env=settings, command=COMMAND) as up:
        yield await up.until_ready()


def token(up: Up) -> str:
    return (up.data_dir / "token").read_text().strip()


async def request_row(up: Up, request_id: str) -> dict[str, Any]:
    """`GET /v1/requests/{id}`, which must be there."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        answer = await client.get(f"{up.url}/v1/requests/{request_id}")
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=dict[str, Any])


async def content(up: Up, request_id: str, part: str) -> bytes:
    """The captured ``request`` or ``response`` of a request."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.get(
            f"{up.url}/v1/requests/{request_id}/{part}",
            headers={"authorization": f"Bearer {token(up)}"},
        )
    assert answer.status_code == 200, answer.text
    return answer.content


async def ended(up: Up, request_id: str, patience: float = ENDED_WITHIN) -> dict[str, Any]:
    """The row of a request once it has ended; the edge may be starting again meanwhile."""
    async with asyncio.timeout(patience):
        while True:
            with suppress(httpx.TransportError):
                row = await request_row(up, request_id)
                if row["state"] == "ended":
                    return row
            await asyncio.sleep(0.1)


async def until_ready(up: Up, patience: float = 60) -> None:
    """Until `/readyz` is 200, which needs every part."""
    async with asyncio.timeout(patience), httpx.AsyncClient(trust_env=False, timeout=10) as client:
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"{up.url}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.05)


async def kill(up: Up, role: str) -> None:
    """kill -9 of one child, and wait until the supervisor has started another one."""
    before = up.children[role]
    before.kill()
    await until(lambda: up.children[role] != before)
