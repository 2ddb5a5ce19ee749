"""Our contracts as JSON payloads, by msgspec: several times the speed of the SDK's own converter,
and the same `json/plain` text for the Temporal UI and for every other tool."""

import dataclasses
from typing import Any, cast

import msgspec
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    BinaryNullPayloadConverter,
    CompositePayloadConverter,
    DataConverter,
    EncodingPayloadConverter,
)

_METADATA = {"encoding": b"json/plain"}


class _Json(EncodingPayloadConverter):
    @property
    def encoding(self) -> str:
        return "json/plain"

    def to_payload(self, value: Any) -> Payload:
        return Payload(metadata=_METADATA, data=msgspec.json.encode(value))

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        value: Any = msgspec.json.decode(payload.data, type=cast("Any", type_hint or Any))
        return value


class _PayloadConverter(CompositePayloadConverter):
    def __init__(self) -> None:
        super().__init__(BinaryNullPayloadConverter(), _Json())


DATA_CONVERTER = dataclasses.replace(
    DataConverter.default, payload_converter_class=_PayloadConverter
)
"""Both ends use it: the client that starts, the worker, the replayer."""
