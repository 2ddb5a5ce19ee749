"""Bounds on how a SOCKS proxy is greeted: the HTTP library waits for its replies without end, takes
one that makes no sense for a fault of its own, and leaves the connection open where it fails."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httpx

_GREETING = "socks.setup_socks5_connection."


class _Stream(Protocol):
    async def aclose(self) -> None: ...


Trace = Callable[[str, dict[str, Any]], Awaitable[None]]


@asynccontextmanager
async def greeting(seconds: float) -> AsyncGenerator[Trace]:
    """Gives what a request is to carry as its `trace`. Raises httpx.ConnectTimeout when the proxy
    takes longer, httpx.ProxyError when it does not speak SOCKS5."""
    loop = asyncio.get_running_loop()
    greeted: list[_Stream] = []

    async def trace(name: str, told: dict[str, Any]) -> None:
        if name == f"{_GREETING}started":
            greeted.append(told["stream"])
            bound.reschedule(loop.time() + seconds)
        elif name == f"{_GREETING}complete":
            greeted.clear()
            bound.reschedule(None)

    try:
        async with asyncio.timeout(None) as bound:
            yield trace
    except httpx.HTTPError:
        raise
    except TimeoutError as error:
        raise httpx.ConnectTimeout("the SOCKS proxy did not answer in time") from error
    except Exception as error:
        if not greeted:
            raise
        raise httpx.ProxyError("the proxy does not speak SOCKS5") from error
    finally:
        for stream in greeted:
            await stream.aclose()
