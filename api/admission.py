"""Who may come in: no pages of other sites, no bodies over the limit, nobody while draining."""

import asyncio
import hmac
import sys
from typing import cast

from starlette.requests import Request
from starlette.types import Scope

from api.waiting_room import WaitingRoom
from palimpsest.gateway.visitors import Visitors
from palimpsest.providers.encodings import Decoder
from palimpsest.runtime.errors import (
    BadRequest,
    BodyTooLarge,
    Draining,
    Forbidden,
)
from palimpsest.runtime.foreign_values import parse_count
from palimpsest.runtime.local_token import local_token
from palimpsest.runtime.settings import Settings


class Admission:
    """The edge's door; ``token`` opens the routes that show content."""

    def __init__(
        self, visitors: Visitors, token: str, max_body_bytes: int, room: WaitingRoom
    ) -> None:
        self.visitors = visitors
        self._token = token
        self._max_body_bytes = max_body_bytes
        self.room = room
        self.draining = False

    def check_open(self) -> None:
        if self.draining:
            raise Draining("the proxy is stopping; send the request again")

    def check_token(self, request: Request) -> None:
        """The local token, as `Authorization: Bearer …`; an empty one opens nothing."""
        scheme, _, given = request.headers.get("authorization", "").strip().partition(" ")
        right = hmac.compare_digest(given.strip().encode(), self._token.encode())
        if scheme.lower() != "bearer" or not self._token.strip() or not right:
            raise Forbidden(
                "this shows content: send `Authorization: Bearer <token>` with the local token "
                "that `make up` printed"
            )

    async def read_body(self, request: Request) -> bytes:
        """The whole body; BodyTooLarge as early as it can be known."""
        declared = request.headers.get("content-length")
        if declared is not None and declared.isascii() and declared.isdigit():
            # More digits than a count may have is over every limit.
            declared_size = parse_count(declared)
            self._check_size(sys.maxsize if declared_size is None else declared_size)
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            self._check_size(size)
            chunks.append(chunk)
        return b"".join(chunks)

    async def decode_body(self, request: Request, body: bytes) -> bytes:
        """The body without its content-encoding. Raises BadRequest for what cannot be decoded, and
        BodyTooLarge."""
        encoding = request.headers.get("content-encoding")
        decoder = Decoder(encoding, self._max_body_bytes)
        if not decoder.needed:
            return body
        # A small body may become a large one.
        plain = await asyncio.to_thread(decoder.feed, body)
        if decoder.too_large:
            self._check_size(sys.maxsize)
        if decoder.failed:
            raise BadRequest(f"the body cannot be decoded by its content-encoding, {encoding}")
        return plain

    def _check_size(self, size: int) -> None:
        if size > self._max_body_bytes:
            raise BodyTooLarge(f"Request exceeds the maximum size of {self._max_body_bytes} bytes")


def target_of(scope: Scope) -> bytes:
    """The request's target as it came: path and query string, not decoded."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


def build_admission(settings: Settings) -> Admission:
    """The door as the settings want it; makes the local token where there is none yet."""
    return Admission(
        Visitors(settings.allowed_hosts, settings.host, settings.allowed_origins),
        local_token(settings.data_dir),
        settings.max_body_bytes,
        WaitingRoom(settings.begun_at_once, settings.queue_length),
    )


def admission_of(request: Request) -> Admission:
    """The door of the application that serves the request."""
    return cast("Admission", request.app.state.admission)
