"""The life of a request in the database: accepted, forwarding, ended; one statement each."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from palimpsest.dialects.model import Frame
from palimpsest.exchanges.model import (
    AcceptedRequest,
    ClaimHolder,
    Outcome,
    RecordedAnswer,
    RequestRecord,
    StoredBody,
    StoredCredentials,
)
from palimpsest.forwarding.model import AttemptEnd, AttemptRecord, Lease, Settlement
from palimpsest.runtime.errors import Expired, NotFound
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres import statements
from palimpsest.store.postgres.capture import (
    Blob,
    CapturedBody,
    StoredCache,
    capture,
    read_blob,
    unpack,
)
from palimpsest.store.postgres.content import content_values
from palimpsest.store.postgres.database import Database, Row

VAULT_SECONDS = 7200
"""Longest life of credentials in the vault: longer than a request may take."""


class RequestStore:
    """Writes and reads requests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stored = StoredCache()

    async def accept(self, request: AcceptedRequest) -> str:
        """Commit a request with everything new in its body, and return its id; when another one
        holds its claim, return that one's id and write nothing but content, of a huge body."""
        weight = request.view.weight
        erasure = self._stored.erasure
        body = await off_the_loop(weight, capture, request.view, self._stored)
        own, *ahead = content_values(body)
        for values in ahead:
            await self._database.run(statements.CONTENT, values)
        [row] = await self._database.run(statements.ACCEPT, _accept_values(request, body, own))
        holder = str(row["request_id"] or request.id)
        if holder == request.id:
            if (ahead or erasure) and erasure < row["erasure"]:
                # What was taken as stored, or was stored first, may have been erased meanwhile.
                body = await off_the_loop(weight, capture, request.view, ())
                for values in content_values(body):
                    await self._database.run(statements.CONTENT, values)
            # A node stands for all before it; whatever the request refers to is spared with it.
            self._stored.add_committed((*body.latest, *body.parts), row["erasure"])
        return holder

    async def begin_attempt(
        self, request_id: str, owner: str, shown: dict[str, Any], *, trusts_silence: bool = True
    ) -> Lease | None:
        """Take the lease and write the row of a call before its first byte; None when the request
        has ended or a living process holds it, or one that may live unless ``trusts_silence``.
        ``shown``: conversation, turn, phases so far."""
        values = {"id": request_id, "owner": owner, "trusts_silence": trusts_silence, **shown}
        rows = await self._database.run(statements.BEGIN, values)
        return Lease(rows[0]["number"], rows[0]["fence"]) if rows else None

    async def close_attempt(self, request_id: str, end: AttemptEnd) -> None:
        """Close a call that will be tried again."""
        await self._database.run(
            statements.CLOSE_ATTEMPT, {"id": request_id, **attempt_values(end)}
        )

    async def lacks_usage(self, request_id: str, number: int) -> bool:
        """Whether it is unknown how that attempt ended, and what it cost."""
        return bool(await self._database.run(statements.LACKS_USAGE, _attempt(request_id, number)))

    async def record_estimate(self, request_id: str, number: int, usage: str) -> None:
        """Write what such an attempt may have cost, as JSON."""
        values = {**_attempt(request_id, number), "usage": usage}
        await self._database.run(statements.ESTIMATE, values)

    async def settle(self, end: Settlement) -> bool:
        """Outcome, usage, answer and the closing of the attempt, in one transaction; False when
        the request had ended or the lease is lost, and nothing was written."""
        blob = await off_the_loop(len(end.response), Blob.of, end.response)
        values = _settle_values(end, blob)
        if await self._database.run(statements.SETTLE, values):
            return True
        # An earlier try may have been committed and only its answer lost.
        return bool(await self._database.run(statements.SETTLED, values))

    async def find_claim_holder(self, request_id: str) -> ClaimHolder | None:
        """What decides whether a re-send belongs to the request."""
        rows = await self._database.run(statements.CLAIM_HOLDER, {"id": request_id})
        return msgspec.convert(rows[0], ClaimHolder) if rows else None

    async def read_credentials(self, request_id: str) -> StoredCredentials | None:
        """What the vault holds of a request until it has ended."""
        rows = await self._database.run(statements.CREDENTIALS, {"id": request_id})
        return StoredCredentials(**rows[0]) if rows else None

    async def release_lease(self, request_id: str, end: AttemptEnd) -> None:
        """Close a call that this process had to cut, and leave the request to any other."""
        await self._database.run(statements.RELEASE, {"id": request_id, **attempt_values(end)})

    async def record_client_left(self, request_id: str, edge: str) -> None:
        """The request's client left this edge; one that is at another by now stays there."""
        values = {"id": request_id, "edge": edge, "gone": True}
        await self._database.run(statements.CLIENT, values)

    async def record_client_back(self, request_id: str, edge: str) -> None:
        """The request's client waits at this edge."""
        values = {"id": request_id, "edge": edge, "gone": False}
        await self._database.run(statements.CLIENT, values)

    async def record_delivered(self, request_ids: Sequence[str], *, in_seconds: float = 0) -> None:
        """Their clients have the whole answer: the same body is a new request from now on, or
        from so many seconds on, of which the first that was told counts."""
        values = {"ids": list(request_ids), "seconds": in_seconds}
        await self._database.run(statements.DELIVERED, values)

    async def find_stalled(
        self, older_than: float, besides: Sequence[str], *, trusts_silence: bool
    ) -> list[tuple[str, str]]:
        """Id and model of requests that were accepted so many seconds ago, have not ended, and
        are not forwarded by a process that lives, or may live unless ``trusts_silence``;
        ``besides`` are the ids of those that this process carries."""
        values = {
            "older_than": older_than,
            "besides": list(besides),
            "trusts_silence": trusts_silence,
        }
        rows = await self._database.run(statements.STALLED, values)
        return [(row["id"], row["model"]) for row in rows]

    async def end_without_answer(
        self,
        request_id: str,
        outcome: Outcome,
        status: int,
        reason: str,
        *,
        fence: int | None = None,
    ) -> bool:
        """End a request that has no answer; False when it had ended before, or an attempt newer
        than ``fence`` was begun."""
        values = {"id": request_id, "outcome": outcome, "status": status, "reason": reason}
        return bool(
            await self._database.run(statements.END_WITHOUT_ANSWER, {**values, "fence": fence})
        )

    async def read_body(self, request_id: str) -> StoredBody:
        """The captured body; raises NotFound, or Expired where its retention is over."""
        frame = await self._read_frame(request_id)
        parts = await self._database.run(statements.PARTS, {"id": request_id})
        messages = await self._database.run(statements.MESSAGES, {"id": request_id})
        if len(parts) != len(frame["parts"]) or len(messages) != frame["message_count"]:
            raise Expired(f"the body of {request_id} was kept no longer: its retention is over")
        return await asyncio.to_thread(_stored_body, frame["skeleton"], parts, messages)

    async def read_message(self, request_id: str, position: int) -> bytes:
        """One message of the body, as it came; positions count from 0. Raises as `read_body`."""
        frame = await self._read_frame(request_id)
        if position >= frame["message_count"]:
            raise NotFound(f"{request_id} has no message {position}")
        values = {"id": request_id, "depth": position + 1}
        rows = await self._database.run(statements.MESSAGE, values)
        if not rows:
            raise Expired(f"message {position} was kept no longer: its retention is over")
        return await read_blob(rows[0])

    async def read_answer(self, request_id: str) -> RecordedAnswer:
        """The answer on record; raises NotFound, or Expired where its retention is over."""
        record = await self.read_request(request_id)
        if record.response is None:
            raise NotFound(f"request {request_id} has no recorded answer")
        blobs = await self._database.run(statements.BLOB, {"hash": record.response})
        if not blobs:
            raise Expired(f"the answer of {request_id} was kept no longer: its retention is over")
        return RecordedAnswer(record, await read_blob(blobs[0]))

    async def read_request(self, request_id: str) -> RequestRecord:
        """All that is on record of a request; raises NotFound."""
        rows = await self._database.run(statements.REQUEST, {"id": request_id})
        if not rows:
            raise NotFound(f"there is no request {request_id}")
        return msgspec.convert(rows[0], RequestRecord)

    async def read_attempts(self, request_id: str) -> list[AttemptRecord]:
        """The calls made for a request: summaries first, then answers in their order."""
        rows = await self._database.run(statements.ATTEMPTS, {"id": request_id})
        return [msgspec.convert(row, AttemptRecord) for row in rows]

    async def _read_frame(self, request_id: str) -> Row:
        rows = await self._database.run(statements.FRAME, {"id": request_id})
        if not rows:
            raise NotFound(f"there is no request {request_id}")
        return rows[0]


def _stored_body(skeleton: bytes, parts: Sequence[Row], messages: Sequence[Row]) -> StoredBody:
    return StoredBody(
        Frame(skeleton, tuple(unpack(part["codec"], part["data"]) for part in parts)),
        tuple(unpack(message["codec"], message["data"]) for message in messages),
    )


def storable(value: str | None) -> str | None:
    """Text as Postgres takes it, which has no NUL."""
    return value.replace("\0", "\ufffd") if value else value


def _accept_values(request: AcceptedRequest, body: CapturedBody, content: Row) -> dict[str, Any]:
    view = request.view
    return {
        "id": request.id,
        "tenant": request.tenant,
        "caller": request.caller,
        "model": storable(view.model),
        "stream": view.stream,
        "target": request.target,
        "headers": request.headers,
        "body_bytes": len(view.body),
        "message_count": len(view.messages),
        "skeleton": body.skeleton,
        "parts": list(body.parts),
        "node": body.node,
        "edge": request.edge,
        "sealed": request.sealed,
        "vault_seconds": VAULT_SECONDS,
        "identity": request.identity.identity,
        "fingerprint": request.identity.fingerprint if request.claims else None,
        "keyed": request.identity.keyed,
        "seize_from": request.seize_from,
        **content,
    }


def _attempt(request_id: str, number: int) -> dict[str, Any]:
    return {"id": request_id, "number": number}


def attempt_values(end: AttemptEnd) -> dict[str, Any]:
    return {
        "number": end.lease.number,
        "fence": end.lease.fence,
        "attempt_outcome": end.outcome,
        "attempt_status": end.status,
        "attempt_bytes": end.bytes,
        "attempt_usage": end.usage,
        "attempt_reason": storable(end.reason),
    }


def _settle_values(end: Settlement, blob: Blob) -> dict[str, Any]:
    owner = end.owner
    return {
        "id": end.request_id,
        "tenant": end.tenant,
        **attempt_values(end.attempt),
        "outcome": end.outcome,
        "reason": storable(end.reason),
        "status": end.attempt.status,
        "response_headers": end.response_headers,
        "response_bytes": len(end.response),
        "blob_hash": blob.hash,
        "blob_codec": blob.codec,
        "blob_size": blob.size,
        "blob_data": blob.data,
        "stop_reason": storable(end.stop_reason),
        **end.usage,
        "usage_estimated": end.usage_estimated,
        "journalled": end.journalled,
        **end.times,
        "counted_tokens": end.counted_tokens,
        "conversation_id": end.conversation_id,
        "turn": end.turn,
        "chain": end.chain,
        "depth": end.depth,
        "session": end.session,
        "project": storable(end.project),
        "caller": end.caller,
        # Ends of the version before, from the disk, have no other.
        "history": end.history or end.chain,
        "origin": end.origin,
        "answered": end.answered,
        "named": end.named,
        "owned_token": owner.digest if owner else None,
        "owner": storable(owner.organisation) if owner else None,
    }
