"""The simulator's ASGI application: records each call, then lets the API or a fault answer."""

import time
from typing import Any

from harness.simulator import control, deliver
from harness.simulator.answers import token
from harness.simulator.api import Api
from harness.simulator.exchange import (
    Broken,
    Exchange,
    Receive,
    Send,
    read_body,
)
from harness.simulator.faults import Fault, Faults
from harness.simulator.lenient import Preset
from harness.simulator.log import Call, Log
from harness.simulator.pace import Pace
from harness.simulator.problem import Problem
from harness.simulator.wire import RawHeaders, Wire


class App:
    """One simulated provider. ``lenient`` answers `POST /v1/messages` without looking."""

    def __init__(self, log: Log, api: Api, *, pace: Pace, lenient: bool = False) -> None:
        self.log, self.api, self.pace, self.lenient = log, api, pace, lenient
        self.faults = Faults()
        self.organisations: dict[str, str] = {}
        """By their credential, those that are not of the one organisation."""
        self._preset: tuple[tuple[int, int], Preset] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        wire: Wire = scope["extensions"]["wire"]
        body = await read_body(receive)
        if body is None:
            return
        path: str = scope["raw_path"].decode("latin-1")
        if path.startswith("/_sim/"):
            await control.handle(self, scope["method"], path, scope["query_string"], body, send)
            return
        if scope["query_string"]:
            path += "?" + scope["query_string"].decode("latin-1")
        call = self.log.begin(scope["method"], path, wire.headers, body, token("req"))
        exchange = Exchange(call, self.log, wire, receive, send)
        try:
            await self._answer(exchange, call, body)
        except Broken as broken:
            await exchange.close(broken.ended)
        except BaseException:
            await exchange.close("cut")
            raise
        else:
            await exchange.close("complete")

    async def _answer(self, exchange: Exchange, call: Call, body: bytes) -> None:
        fault = self.faults.take(call.method, call.path)
        call.fault = fault.name if fault is not None else None
        if fault is not None and fault.kind == "gzip" and "gzip" not in accepted(call):
            fault = None
        await deliver.early(exchange, fault, self.pace)
        headers = self._headers(call)
        if fault is not None and fault.kind == "status":
            await deliver.ordered_status(exchange, headers, fault)
        elif self.lenient and call.path.startswith("/v1/messages") and call.method == "POST":
            await self._lenient(exchange, headers, body, fault)
        else:
            await self._strict(exchange, headers, call, body, fault)

    async def _lenient(
        self, exchange: Exchange, headers: RawHeaders, body: bytes, fault: Fault | None
    ) -> None:
        size = (self.pace.text_chars, self.pace.delta_chars)
        if self._preset is None or self._preset[0] != size:
            self._preset = size, Preset(text_chars=size[0], delta_chars=size[1])
        streaming, pieces = self._preset[1].answer(body)
        if not streaming:
            await deliver.document(exchange, 200, headers, pieces[0], fault)
            return
        if fault is None and self.pace.between_events <= 0:
            pieces = [pieces[0], b"".join(pieces[1:])]
        await deliver.events(exchange, headers, pieces, 3, self.pace, fault)

    async def _strict(
        self,
        exchange: Exchange,
        headers: RawHeaders,
        call: Call,
        body: bytes,
        fault: Fault | None,
    ) -> None:
        try:
            answer = await self.api.answer(call, body, text_chars=self.pace.text_chars)
        except Problem as found:
            await deliver.problem(exchange, headers, found)
            return
        if answer.message is None:
            await deliver.document(exchange, 200, headers, answer.document, fault)
            return
        pieces, first = answer.events(self.pace.delta_chars)
        await deliver.events(exchange, headers, pieces, first, self.pace, fault)

    def _organisation(self, call: Call) -> str:
        given = call.header("authorization") or call.header("x-api-key") or ""
        return self.organisations.get(given.removeprefix("Bearer "), _ORGANISATION)

    def _headers(self, call: Call) -> RawHeaders:
        reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(call.at + 60)).encode()
        headers: RawHeaders = [
            (b"request-id", call.request_id.encode()),
            (b"anthropic-organization-id", self._organisation(call).encode()),
        ]
        for kind, limit in _LIMITS:
            name = b"anthropic-ratelimit-" + kind
            headers += [(name + b"-limit", limit), (name + b"-remaining", limit)]
            headers.append((name + b"-reset", reset))
        return headers


_ORGANISATION = "5a11ed00-0000-4000-8000-000000000000"
_LIMITS = ((b"requests", b"4000"), (b"input-tokens", b"2000000"), (b"output-tokens", b"400000"))


def accepted(call: Call) -> str:
    """The encodings that the client accepts."""
    return (call.header("accept-encoding") or "").lower()
