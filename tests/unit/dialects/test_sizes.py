"""Token estimates count what the model reads, once, and never blow up."""

from concurrent.futures import ThreadPoolExecutor
from time import thread_time
from typing import Any

import pytest

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.dialects.anthropic.sizes import (
    MESSAGE_TOKENS,
    SIGNATURE_FREE,
    SIGNATURE_RATE,
    TOOL_TOKENS,
    TOOLS_TOKENS,
    message_tokens,
    messages_tokens,
    prompt_tokens,
)
from palimpsest.dialects.tokenizer import text_tokens
from tests.support.sessions import body_of, encode

WORDS = 'if x == "a":\n\treturn b\\n  # naïve 世界\n' * 10
CAP = 1600


def tokens_of(*blocks: Any) -> int:
    message = encode({"role": "user", "content": list(blocks)})
    return message_tokens(message, CAP) - MESSAGE_TOKENS


def test_text_is_counted_without_its_escapes() -> None:
    count = text_tokens(WORDS)
    assert tokens_of({"type": "text", "text": WORDS}) == count
    escaped = "".join(f"\\u{ord(character):04x}" for character in WORDS)
    raw = b'{"role":"user","content":"%b"}' % escaped.encode()
    assert message_tokens(raw, CAP) == count + MESSAGE_TOKENS


def test_tool_results_as_string_or_blocks() -> None:
    text = {"type": "text", "text": WORDS}
    expected = TOOL_TOKENS + text_tokens(WORDS)
    for content in (WORDS, [text]):
        block = {"type": "tool_result", "tool_use_id": "t", "content": content}
        assert tokens_of(block) == expected
        assert tokens_of(block | {"cache_control": {"type": "ephemeral"}}) == expected
    assert tokens_of({"type": "tool_result", "tool_use_id": "t"}) == TOOL_TOKENS


def test_calls_count_their_name_and_input() -> None:
    block = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}}
    assert tokens_of(block) == TOOL_TOKENS + text_tokens("Bash") + text_tokens('{"command":"ls"}')


def test_thinking_is_as_long_as_its_signature_says() -> None:
    signature = "A" * (SIGNATURE_FREE + 1000)
    expected = round(1000 * SIGNATURE_RATE)
    thinking = {"type": "thinking", "thinking": "a summary", "signature": signature}
    assert tokens_of(thinking) == tokens_of(thinking | {"thinking": ""}) == expected
    assert tokens_of({"type": "redacted_thinking", "data": signature}) == expected
    assert tokens_of({"type": "thinking", "thinking": WORDS}) == text_tokens(WORDS)


def test_documents() -> None:
    def document(**source: Any) -> int:
        return tokens_of({"type": "document", "source": source})

    assert document(type="text", data=WORDS) == text_tokens(WORDS)
    assert document(type="content", content=[{"type": "text", "text": WORDS}]) == text_tokens(WORDS)
    assert document(type="base64", data="A" * 400_000) > document(type="base64", data="A" * 4)
    assert document(type="url", url="https://x") > 0


def test_a_whole_request() -> None:
    tool = {"name": "Read", "description": WORDS, "input_schema": {"type": "object"}}
    deferred = tool | {"defer_loading": True}
    message = encode({"role": "user", "content": WORDS})
    system = [{"type": "text", "text": WORDS}]
    got = prompt_tokens(parse(body_of([message] * 3, system=system, tools=[tool, deferred])))
    assert got.system == text_tokens(WORDS)
    assert TOOLS_TOKENS + text_tokens(WORDS) < got.tools < TOOLS_TOKENS + text_tokens(WORDS) + 30
    assert got.messages == 3 * (MESSAGE_TOKENS + text_tokens(WORDS))
    assert got.total == got.system + got.tools + got.messages
    bare = prompt_tokens(parse(body_of([message])))
    assert (bare.system, bare.tools) == (0, 0)


@pytest.mark.parametrize(
    "message",
    [
        b"{}",
        b'{"content":null}',
        b'{"content":7}',
        b'{"content":[1,"a",null,{"type":["x"]}]}',
        b'{"content":[{"type":"image"},{"type":"document","source":3},{"type":"text","text":1}]}',
        b'{"content":[{"type":"thinking","signature":4},{"type":"tool_use"}]}',
        b'{"content":1e999}',
        b'{"content":[{"type":"new","n":123456789012345678901234567890}]}',
    ],
)
def test_odd_messages_get_an_estimate(message: bytes) -> None:
    assert 0 <= message_tokens(message, CAP) < 10_000


@pytest.mark.parametrize("run", ["a", " ", "\n", "=", "ab", "é", "世", "🙂"])
def test_long_runs_are_linear(run: str) -> None:
    def seconds(length: int) -> float:
        begun = thread_time()
        assert text_tokens(run * (length // len(run))) > 0
        return thread_time() - begun

    seconds(1000)
    assert seconds(400_000) < 40 * max(seconds(40_000), 0.001)


def test_chunks_cost_next_to_nothing() -> None:
    text = WORDS * 400
    whole = sum(text_tokens(text[at : at + 4000]) for at in range(0, len(text), 4000))
    assert abs(text_tokens(text) - whole) < whole / 100


def test_threads_agree() -> None:
    messages = [encode({"role": "user", "content": f"{WORDS} thread {at}"}) for at in range(150)]
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(messages_tokens, messages, CAP) for _ in range(32)]
        counts = {future.result() for future in running}
    assert counts == {sum(message_tokens(message, CAP) for message in messages)}


def test_a_long_conversation_costs_what_is_new() -> None:
    messages = [encode({"role": "user", "content": f"{at} {WORDS}" * 4}) for at in range(2500)]
    assert sum(map(len, messages)) > 4_000_000
    before = messages_tokens(messages, CAP)
    best = float("inf")
    for turn in range(10):
        new = encode({"role": "user", "content": f"new {turn}"})
        begun = thread_time()
        after = messages_tokens([*messages, new], CAP)
        best = min(best, thread_time() - begun)
        assert after == before + message_tokens(new, CAP)
    assert best < 0.010
