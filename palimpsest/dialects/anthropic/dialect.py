"""The Messages API as a dialect: the neutral view's bytes, by the modules beside this one."""

from typing import cast

from palimpsest.dialects.anthropic.answer_message import answer_message
from palimpsest.dialects.anthropic.blocks import (
    ContentBlock,
    mark,
    parse_block,
    parse_message,
    put_together,
    role_of,
    text_block,
)
from palimpsest.dialects.anthropic.body import asks_for_format, build_body, build_question
from palimpsest.dialects.anthropic.cache_markers import cache_ttl
from palimpsest.dialects.anthropic.canonical import canonical_hash
from palimpsest.dialects.anthropic.frame import encode_frame
from palimpsest.dialects.anthropic.models import lookup
from palimpsest.dialects.anthropic.sizes import message_tokens, prompt_tokens, thinking_tokens
from palimpsest.dialects.anthropic.thinking import BINDING_BETA, asks_to_drop, can_ask_to_drop
from palimpsest.dialects.anthropic.view import split
from palimpsest.dialects.model import Block, Headers, ModelInfo, RequestView

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
