"""The HTTP client of a provider: bytes out, bytes in, no retries and no opinions."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

import httpx

from palimpsest.providers.headers import RawHeaders, end_to_end
from palimpsest.providers.route import DIRECT, Route
from palimpsest.providers.socks import greeting
from palimpsest.runtime.errors import StreamBroken, UpstreamTimeout, UpstreamUnreachable

_KEEPALIVE_SECONDS = 30.0
_LINGER_SECONDS = 1.0
_LINGER_BYTES = 64 * 1024
_OWN = (b"host", b"content-length")
_FOR_US = b"x-palimpsest-"
_WITHOUT_BODY = (204, 304)


class _ExactUrl(httpx.URL):
    """A URL with the path and query as a client wrote them, which httpx would normalise. Its own
    way to say this, the extension `target`, would also become the target of a proxy's CONNECT."""

    def __init__(self, url: httpx.URL, target: bytes) -> None:
        super().__init__(url)
        self._target = target

    @property
    def raw_path(self) -> bytes:
        return self._target


class Upstream:
    """One provider, by its base URL; the connection pool is shared by all requests.

    ``name`` is what may be shown: the URL may hold a password. A header with the value that is
    ``withheld``, a secret of ours, does not go out.
    """

    def __init__(
        self,
        base_url: str,
        connect_timeout: float,
        first_byte_timeout: float,
        route: Route = DIRECT,
        withheld: bytes = b"",
    ) -> None:
        url = httpx.URL(base_url)
        self.name = f"{url.scheme}://{url.netloc.decode()}"
        self._base_url = url
        self._prefix = url.raw_path.rstrip(b"/")
        self._withheld = withheld
        self._leaving: set[asyncio.Task[None]] = set()
        self._connect_timeout = connect_timeout
        proxy = route.proxy_to(url)
        self._by_socks = proxy is not None and proxy.url.scheme.startswith("socks")
        self._client = httpx.AsyncClient(
            verify=route.trust(),
            proxy=proxy,
            # The settings have read what applies.
            trust_env=False,
            timeout=httpx.Timeout(first_byte_timeout, connect=connect_timeout, pool=None),
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=200,
                keepalive_expiry=_KEEPALIVE_SECONDS,
            ),
        )

    async def send(
        self,
        method: str,
        target: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        content: bytes | AsyncIterator[bytes],
    ) -> httpx.Response:
        """Send one request and return its response with the body unread; the caller closes it.

        Raises UpstreamUnreachable when no answer began, UpstreamTimeout when it took too long.
        """
        streamed = not isinstance(content, bytes)
        own = (b"host",) if streamed else _OWN
        request = httpx.Request(
            method,
            self._base_url,
            headers=[
                pair
                for pair in end_to_end(headers)
                if _travels(pair[0].lower(), own) and not self._withholds(pair[1])
            ],
            content=content,
        )
        request.url = _ExactUrl(self._base_url, self._prefix + target)
        try:
            if not self._by_socks:
                return await self._client.send(request, stream=True)
            async with greeting(self._connect_timeout) as request.extensions["trace"]:
                return await self._client.send(request, stream=True)
        except httpx.TimeoutException as error:
            raise UpstreamTimeout(f"{self.name} did not answer in time") from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise UpstreamUnreachable(f"{self.name} cannot be reached: {reason}") from error

    def _withholds(self, value: bytes) -> bool:
        return bool(self._withheld) and self._withheld in value

    def let_go(self, response: httpx.Response, rest: AsyncIterator[bytes]) -> None:
        """Leave a response whose content has ended, whatever ``rest`` still comes. The connection
        serves again where its transport ends soon, and is closed else; nobody waits for that."""
        if not response.is_closed:
            leaving = asyncio.create_task(_leave(response, rest))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def wait_until_left(self) -> None:
        """Wait until every response that was let go is closed."""
        await asyncio.gather(*self._leaving)

    async def close(self) -> None:
        for leaving in self._leaving:
            leaving.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._client.aclose()


async def _leave(response: httpx.Response, rest: AsyncIterator[bytes]) -> None:
    left = _LINGER_BYTES
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            async for chunk in rest:
                left -= len(chunk)
                if left < 0:
                    break
    except (TimeoutError, httpx.TransportError):
        pass
    finally:
        await response.aclose()


def _travels(name: bytes, own: tuple[bytes, ...]) -> bool:
    return name not in own and not name.startswith(_FOR_US)


def response_headers(response: httpx.Response) -> RawHeaders:
    """What of the provider's headers goes on to the client."""
    headers = end_to_end(response.headers.raw)
    if response.status_code not in _WITHOUT_BODY:
        return headers
    # The length of a body that is not sent is nothing that a server lets pass.
    return tuple(pair for pair in headers if pair[0].lower() != b"content-length")


async def body(chunks: AsyncIterator[bytes], idle_timeout: float) -> AsyncGenerator[bytes]:
    """The chunks of a response as they come. Raises UpstreamTimeout after a silence of
    ``idle_timeout`` seconds, StreamBroken when the connection goes."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(idle_timeout) as idle:
            async for chunk in chunks:
                idle.reschedule(loop.time() + idle_timeout)
                yield chunk
    except (TimeoutError, httpx.TimeoutException) as error:
        raise UpstreamTimeout("the provider went silent in mid-answer") from error
    except httpx.TransportError as error:
        reason = str(error) or type(error).__name__
        raise StreamBroken(f"the provider's answer broke off: {reason}") from error
