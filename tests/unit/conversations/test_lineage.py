"""Lineage holds through everything the real client changes, and through nothing else."""

from random import Random
from time import thread_time
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given

from palimpsest.conversations.lineage import (
    chain,
    root,
)
from palimpsest.dialects.anthropic import blocks, sizes
from palimpsest.dialects.anthropic.blocks import canonical_hash
from palimpsest.dialects.anthropic.dialect import DIALECT
from palimpsest.dialects.anthropic.sizes import messages_tokens
from palimpsest.runtime.hash_chain import node_hashes, raw_hash
from palimpsest.runtime.lru import Memo
from tests.support.odd_json import OBJECTS, RANDOMS, write
from tests.support.sessions import (
    as_sent,
    encode,
    load,
    without_thinking,
)

ROOT = root("default")
MARKER = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
THINKING = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "c2ln"}
TEXT = {"type": "text", "text": "hello"}


def user(content: Any) -> bytes:
    return encode({"role": "user", "content": content})


def assistant(*blocks: Any) -> bytes:
    return encode({"role": "assistant", "content": list(blocks)})


def result(content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "t1", "content": content, **more}


def call(**given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "t1", "name": "Bash", "input": given}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (user("hello"), user([TEXT])),
        (user([TEXT]), user([TEXT | MARKER])),
        (encode({"role": "system", "content": "x"}), b'{"content": "\\u0078", "role":"system"}'),
        (user([result("a")]), user([result([{"type": "text", "text": "a"} | MARKER])])),
        (user([result("a")]), user([result("a", **MARKER)])),
        (assistant(THINKING, TEXT, REDACTED), assistant(TEXT)),
        (assistant(THINKING), assistant()),
        (b'{"role":"user","content":[]}', b'{ "content" : [ ], "role" : "user" }'),
    ],
)
def test_same_words_same_hash(one: bytes, other: bytes) -> None:
    assert canonical_hash(one) == canonical_hash(other)
    assert raw_hash(one) != raw_hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (user("hello"), user("Hello")),
        (user("hello"), assistant(TEXT)),
        (user([TEXT]), user([TEXT, TEXT])),
        (assistant(call(a=1)), assistant(call(a=2))),
        (assistant(call()), assistant(call(cache_control=1))),
        (assistant(call()), assistant(call(thinking=[THINKING]))),
        (user([result("a")]), user([result("a", is_error=True)])),
        (user("1e999"), b'{"role":"user","content":1e999}'),
        (b'{"role":"user","content":1e999}', b'{"role":"user","content":1e998}'),
        (user([{"type": ["thinking"]}]), user([])),
    ],
)
def test_other_words_other_hash(one: bytes, other: bytes) -> None:
    assert canonical_hash(one) != canonical_hash(other)


@given(message=OBJECTS, one=RANDOMS, other=RANDOMS)
def test_spelling_does_not_matter(message: dict[str, Any], one: Random, other: Random) -> None:
    first, second = (write(message, random).encode() for random in (one, other))
    assert canonical_hash(first) == canonical_hash(second)


def test_every_prefix_of_real_sessions_continues_the_one_before() -> None:
    for segment in load(step=12, longest=120):
        whole = chain(ROOT, as_sent(segment.messages), DIALECT)
        bare = without_thinking(segment.messages)
        for length in range(1, len(segment.messages) + 1):
            sent = as_sent(segment.messages[:length])
            assert chain(ROOT, sent, DIALECT) == whole[:length]
            assert chain(ROOT, as_sent(bare[:length]), DIALECT) == whole[:length]
        assert len(set(whole)) == len(whole)


def test_an_edit_begins_a_new_branch_where_it_is() -> None:
    messages = [user(f"message {index}") for index in range(200)]
    known = chain(ROOT, messages, DIALECT)
    for at in (0, 63, 64, 130, 199):
        edited = chain(ROOT, [*messages[:at], user("something else"), *messages[at + 1 :]], DIALECT)
        assert edited[:at] == known[:at]
        assert not set(edited[at:]) & set(known)


def test_tenants_share_no_chain() -> None:
    messages = [user("hello")] * 3
    assert not set(chain(ROOT, messages, DIALECT)) & set(chain(root("other"), messages, DIALECT))
    assert len(set(chain(ROOT, messages, DIALECT))) == 3


def test_nodes_follow_the_exact_bytes() -> None:
    one = [user("hello"), user("again"), user("last")]
    other = [user("hello"), user([{"type": "text", "text": "again"}]), user("last")]
    assert node_hashes(one)[0] == node_hashes(other)[0]
    assert not set(node_hashes(one)[1:]) & set(node_hashes(other))
    long = [user(str(index)) for index in range(150)]
    assert node_hashes(long)[:140] == node_hashes(long[:140])


def test_a_long_conversation_costs_what_is_new() -> None:
    text = 'line of "code"\n\twith escapes ' * 36
    messages = [user(f"{index} {text}") for index in range(4000)]
    assert sum(map(len, messages)) > 4_000_000
    chain(ROOT, messages, DIALECT)
    node_hashes(messages)
    best = float("inf")
    for turn in range(10):
        longer = [*(msgspec.json.encode(msgspec.Raw(m)) for m in messages), user(f"new {turn}")]
        begun = thread_time()
        chain(ROOT, longer, DIALECT)
        node_hashes(longer)
        best = min(best, thread_time() - begun)
    assert best < 0.010


def test_a_memo_is_bounded_and_forgets_the_oldest() -> None:
    memo: Memo[int, int] = Memo(3)
    for key in range(3):
        memo.put(key, key)
    assert memo.get(0) == 0
    memo.put(3, 3)
    assert (memo.get(0), memo.get(1), memo.get(3), len(memo)) == (0, None, 3, 3)


def test_eight_conversations_of_a_million_tokens_stay_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Turn by turn, only what is new is decoded, hashed and counted."""
    talks = [[user(f"talk {talk} message {index}") for index in range(3000)] for talk in range(8)]
    decoded: list[bytes] = []

    def watch(module: ModuleType, name: str) -> None:
        real = getattr(module, name)

        def counting(raw: bytes, *rest: Any) -> Any:
            decoded.append(raw)
            return real(raw, *rest)

        monkeypatch.setattr(module, name, counting)

    watch(blocks, "_canonical")
    watch(sizes, "_raw_tokens")
    for turn in range(3):
        decoded.clear()
        for talk in talks:
            talk.append(user(f"turn {turn} of {talk[0]!r}"))
            chain(ROOT, talk, DIALECT)
            node_hashes(talk)
            messages_tokens(talk, 1600)
    assert len(decoded) == 2 * len(talks)
