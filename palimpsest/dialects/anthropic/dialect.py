"""The Messages API as a dialect: a request's body split into its view, and the neutral view's
bytes by the modules beside this one.

A body's top-level fields are decoded, each message stays raw bytes.
"""

import re
from collections.abc import Mapping, Sequence
from json import JSONDecoder
from typing import cast

import msgspec

from palimpsest.dialects.anthropic.answer_message import answer_message
from palimpsest.dialects.anthropic.blocks import (
    ContentBlock,
    canonical_hash,
    mark,
    parse_block,
    parse_message,
    put_together,
    role_of,
    text_block,
)
from palimpsest.dialects.anthropic.body import (
    BINDING_BETA,
    asks_for_format,
    asks_to_drop,
    build_body,
    build_question,
    cache_ttl,
    can_ask_to_drop,
)
from palimpsest.dialects.anthropic.frame import encode_frame
from palimpsest.dialects.anthropic.malformed import describe
from palimpsest.dialects.anthropic.models import lookup
from palimpsest.dialects.anthropic.shape import MOST_FIELDS, check_shape
from palimpsest.dialects.anthropic.sizes import message_tokens, prompt_tokens, thinking_tokens
from palimpsest.dialects.model import (
    MESSAGE_WEIGHT,
    VALUE_WEIGHT,
    Block,
    Dialect,
    Headers,
    ModelInfo,
    RequestView,
    Span,
)
from palimpsest.runtime.errors import BadRequest
from palimpsest.runtime.foreign_values import parse_count

_WHITESPACE = re.compile(rb"[ \t\n\r]*")
_COMMA = re.compile(rb"[ \t\n\r]*,[ \t\n\r]*")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_NAME = msgspec.json.Decoder(str)
_TOO_DEEP = "The request body is not valid JSON: nested too deeply"
_SKIPPER = JSONDecoder(strict=False, parse_int=str, parse_float=str)


def split(body: bytes, dialect: Dialect) -> RequestView:
    """Split ``body``; raises BadRequest, in the API's words, for what is no Messages request."""
    values_most = check_shape(body)
    values = _fields(body)
    model = _model(values.get("model"))
    messages = _messages(values.get("messages"))
    try:
        spans = _spans(body, values)
    except RecursionError:
        raise BadRequest(_TOO_DEEP) from None
    start, end = spans["messages"]
    first = _space(body, start + 1)
    separators, last = _separators(body, first, end, messages)
    return RequestView(
        dialect=dialect,
        body=body,
        model=model,
        stream=values.get("stream") == b"true",
        max_tokens=_integer(values.get("max_tokens")),
        system=_present(values.get("system")),
        tools=_present(values.get("tools")),
        messages=messages,
        prefix=body[:first],
        separators=separators,
        suffix=body[last:],
        spans=spans,
        weight=len(body) + MESSAGE_WEIGHT * len(messages) + VALUE_WEIGHT * values_most,
    )


def _fields(body: bytes) -> dict[str, bytes]:
    try:
        values = {name: bytes(raw) for name, raw in _OBJECT.decode(body).items()}
        if not body.isascii():
            body.decode()
    except msgspec.ValidationError:
        raise BadRequest("Input should be a valid dictionary") from None
    except RecursionError:
        raise BadRequest(_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The request body is not valid JSON: {describe(body, error)}") from None
    return values


def _model(raw: bytes | None) -> str:
    if raw is None:
        raise BadRequest("model: Field required")
    if not raw.startswith(b'"'):
        raise BadRequest("model: Input should be a valid string")
    return _NAME.decode(raw)


def _messages(raw: bytes | None) -> tuple[bytes, ...]:
    if raw is None:
        raise BadRequest("messages: Field required")
    if not raw.startswith(b"["):
        raise BadRequest("messages: Input should be a valid list")
    messages = tuple(map(bytes, _ARRAY.decode(raw)))
    if not messages:
        raise BadRequest("messages: at least one message is required")
    for index, message in enumerate(messages):
        if not message.startswith(b"{"):
            raise BadRequest(f"messages.{index}: Input should be a valid dictionary")
    return messages


def _integer(raw: bytes | None) -> int | None:
    return parse_count(raw) if raw is not None else None


def _present(raw: bytes | None) -> bytes | None:
    return None if raw == b"null" else raw


def _space(body: bytes, at: int) -> int:
    """Where the whitespace that begins at ``at`` ends."""
    match = _WHITESPACE.match(body, at)
    return match.end() if match else at


def _spans(body: bytes, values: Mapping[str, bytes]) -> dict[str, Span]:
    """Walk the top-level fields in order; the body is known to be valid JSON."""
    spans: dict[str, Span] = {}
    text: str | None = None
    walked = 0
    at = _space(body, 0)
    while body[at : at + 1] != b"}":
        walked += 1
        if walked > MOST_FIELDS:
            raise BadRequest(f"the request has more than {MOST_FIELDS} fields of its own")
        at = _space(body, at + 1)
        name = _STRING.match(body, at)
        if name is None:
            break
        start = _space(body, _space(body, name.end()) + 1)
        key = _NAME.decode(name.group())
        end = start + len(values[key])
        if not _is_value(body, start, end, values[key]):
            # Latin-1 keeps one character for each byte, so the position found is a byte's.
            text = text or body.decode("latin-1")
            end = _SKIPPER.raw_decode(text, start)[1]
        spans[key] = (start, end)
        at = _space(body, end)
    return spans


def _is_value(body: bytes, start: int, end: int, expected: bytes) -> bool:
    """Whether ``expected`` is the whole value at ``start``; not so if its name occurs twice."""
    return body.startswith(expected, start) and body[_space(body, end)] in b",}"


def _separators(
    body: bytes, first: int, end: int, messages: Sequence[bytes]
) -> tuple[tuple[bytes, ...], int]:
    """The bytes between the messages, and where the last message ends."""
    if len(messages) == 1:
        return (), first + len(messages[0])
    at = first + len(messages[0])
    match = _COMMA.match(body, at)
    usual = match.group() if match else b","
    last = first + sum(map(len, messages)) + len(usual) * (len(messages) - 1)
    if last < end and body[first:last] == usual.join(messages):
        return (usual,), last
    found: list[bytes] = []
    for message in messages[1:]:
        match = _COMMA.match(body, at)
        found.append(match.group() if match else b"")
        at += len(found[-1]) + len(message)
    return tuple(found), at


_BETA = b"anthropic-beta"
_LONG_CONTEXT = b"context-1m"


class AnthropicDialect:
    """Requests and answers of `POST /v1/messages`."""

    name = "anthropic"

    def parse(self, body: bytes) -> RequestView:
        return split(body, self)

    message = staticmethod(parse_message)
    block = staticmethod(parse_block)
    role = staticmethod(role_of)
    canonical_hash = staticmethod(canonical_hash)
    put_together = staticmethod(put_together)
    text_block = staticmethod(text_block)
    mark = staticmethod(mark)
    build_body = staticmethod(build_body)
    can_ask_to_drop = staticmethod(can_ask_to_drop)
    asks_to_drop = staticmethod(asks_to_drop)
    asks_for_format = staticmethod(asks_for_format)
    cache_ttl = staticmethod(cache_ttl)
    message_tokens = staticmethod(message_tokens)
    prompt_tokens = staticmethod(prompt_tokens)
    build_question = staticmethod(build_question)
    answer_message = staticmethod(answer_message)
    encode_frame = staticmethod(encode_frame)

    def escape_header(self) -> tuple[bytes, bytes]:
        return _BETA, BINDING_BETA.encode()

    def model(self, name: str, headers: Headers = ()) -> ModelInfo:
        betas = [value for header, value in headers if header.lower() == _BETA]
        return lookup(name, long_context=any(_LONG_CONTEXT in value for value in betas))

    def thinking_tokens(self, block: Block) -> int:
        return thinking_tokens(cast("ContentBlock", block).value)


DIALECT = AnthropicDialect()
parse = DIALECT.parse
