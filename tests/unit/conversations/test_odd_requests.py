"""Any JSON in any field of a Messages request goes through everything that reads requests."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from palimpsest.context.model import Injection
from palimpsest.context.planner import Policy
from palimpsest.context.render import apply_epoch
from palimpsest.context.rewriting import Conditions, rewrite
from palimpsest.context.speech import is_human_request, newest_turn
from palimpsest.context.transcript import transcript
from palimpsest.conversations.compaction import is_compacted
from palimpsest.conversations.lineage import lineage, session_of
from palimpsest.conversations.rendered import render
from palimpsest.dialects.anthropic.dialect import DIALECT, parse
from palimpsest.dialects.model import RequestView
from palimpsest.exchanges.model import StoredBody
from palimpsest.learning.job import SegmentJob, run_segment_job
from palimpsest.memory.archive import Origin
from palimpsest.runtime.errors import BadRequest
from palimpsest.store.postgres.capture import capture
from tests.support.odd_json import VALUES

POLICY = Policy(keep=1, target_share=0.3, cold_share=0.5, warm_share=1.0)
REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 64,
    "stream": True,
    "system": [{"type": "text", "text": "Working directory: /w\n", "cache_control": {"ttl": "1h"}}],
    "tools": [{"name": "Bash", "description": "run", "input_schema": {"type": "object"}}],
    "thinking": {"type": "enabled", "block_binding": {"prefix_mismatch_behavior": "x"}},
    "output_config": {"format": None},
    "metadata": {"user_id": "u"},
    "messages": [
        {"role": "user", "content": "do it " * 400},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s" * 200},
                {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "make"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "is_error": True,
                    "content": [{"type": "text", "text": "error: a.py:3: " + "x " * 2000}],
                },
                {"type": "image", "source": {"type": "base64", "data": "aGk="}},
                {"type": "document", "source": {"type": "text", "data": "d"}, "title": "t"},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "done"}]},
        {"role": "user", "content": [{"type": "text", "text": "why?", "cache_control": {}}]},
    ],
}


Place = tuple[str | int, ...]


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """The paths of all values in it."""
    if path:
        yield path
    for key, inner in parts(value).items():
        yield from places(inner, (*path, key))


def parts(value: Any) -> dict[Any, Any]:
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value)
    return dict(enumerate(cast("list[Any]", value))) if isinstance(value, list) else {}


PLACES = list(places(REQUEST))


def replaced(path: Place, raw: bytes) -> bytes:
    """The request with this JSON at that place."""

    def put(value: Any, left: Place) -> Any:
        if not left:
            return msgspec.Raw(raw)
        copy = {**parts(value), left[0]: put(value[left[0]], left[1:])}
        return copy if isinstance(value, dict) else list(copy.values())

    return msgspec.json.encode(put(REQUEST, path))


def deep(levels: int, around: tuple[bytes, bytes]) -> bytes:
    return around[0] * levels + b"1" + around[1] * levels


ODD = {
    "a list": b"[]",
    "null": b"null",
    "5,000 digits": b"9" * 5000,
    "30 digits": b"9" * 30,
    "30 digits within": b'{"type":"tool_result","tool_use_id":%b,"content":{"a":%b}}'
    % (b"9" * 30, b"9" * 30),
    "beyond floats": b"1e999",
    "NUL": b'"\\u0000"',
    "200 emoji": b'"' + "😀".encode() * 200 + b'"',
    "1,000 versions": b'"m' + b"-v1:1" * 50 + b'!"',
    "480 results": deep(480, (b'[{"type":"tool_result","tool_use_id":"t1","content":', b"}]")),
    "300 results": deep(300, (b'[{"type":"tool_result","tool_use_id":"t1","content":', b"}]")),
    "900 lists": deep(900, (b"[", b"]")),
    "240 search results": deep(240, (b'[{"type":"web_search_tool_result","content":', b"}]")),
    "240 documents": deep(
        240, (b'[{"type":"document","source":{"type":"content","content":', b"}}]")
    ),
}


def carried_through(body: bytes) -> None:
    """All that is done with a request and its messages; what is no request is refused as such."""
    try:
        view = parse(body)
    except BadRequest:
        return
    hashes = lineage("default", view)
    assert len(hashes) == len(view.messages)
    agent = is_human_request(view, agent=False)
    assert (session_of("default", view, ((b"x-claude-code-session-id", b"s"),)) is None) != agent
    newest_turn(view)
    is_compacted(view)
    captured = capture(view, ())
    assert captured.node
    frame = view.dialect.encode_frame(view)
    assert StoredBody(frame, view.messages).frame.rebuild(view.messages) == body
    planned(view, hashes)
    learned(view, hashes)


def planned(view: RequestView, hashes: tuple[bytes, ...]) -> None:
    info = DIALECT.model(view.model)
    injection = Injection(
        len(view.messages) - 1, DIALECT.text_block("remember"), 2, ("mem_1",), "1"
    )
    for limit, wanted in ((10**9, injection), (100, None)):
        now = Conditions(
            info,
            limit,
            info.ratio,
            ttl=DIALECT.cache_ttl(view),
            escape=DIALECT.can_ask_to_drop(view),
        )
        made = rewrite(view, hashes, None, now, POLICY, wanted)
        if made.epoch:
            transcript(view, made.epoch, None)
            assert parse(render(view, made.epoch).body).messages == tuple(
                apply_epoch(view, made.epoch)
            )
    assert view.dialect.prompt_tokens(view).total >= 0
    DIALECT.asks_to_drop(view)
    parse(DIALECT.build_question(view, model="m", max_tokens=1, order="o", text="t"))


def learned(view: RequestView, hashes: tuple[bytes, ...]) -> None:
    times = (datetime.now(UTC),) * len(hashes)
    origin = Origin("default", "/w", "conv_1")
    for archive in (True, False):
        run_segment_job(SegmentJob(origin, view.messages, hashes, times, 0, 0, archive=archive))


@pytest.mark.parametrize("raw", ODD.values(), ids=ODD)
def test_odd_values(raw: bytes) -> None:
    for path in PLACES:
        carried_through(replaced(path, raw))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(path=st.sampled_from(PLACES), value=VALUES)
def test_any_values(path: Place, value: Any) -> None:
    try:
        raw = msgspec.json.encode(value)
    except OverflowError:
        raw = repr(value).encode() if isinstance(value, int) else b"[%d]" % 2**69
    carried_through(replaced(path, raw))
