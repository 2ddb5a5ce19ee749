"""Each rule of the simulated API with a request that keeps it and one that breaks it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.ask import (
    assistant,
    request,
    result,
    system,
    use,
    user,
)
from harness.simulator.content import web_search
from harness.simulator.problem import Problem
from harness.simulator.request import Judged, judge, judge_count
from harness.simulator.seal import Seal
from harness.simulator.shape import Obj
from harness.simulator.tokens import Tokens
from harness.simulator.view import view

TOKENS = Tokens()
TEXT: Obj = {"type": "text", "text": "hello"}
MARK = {"type": "ephemeral"}
LONG = {"type": "ephemeral", "ttl": "1h"}


def judged(body: Obj, *betas: str, **options: Any) -> Judged:
    asked = view(body, {"anthropic-beta": ",".join(betas), "x-api-key": "k"})
    return judge(asked, tokens=TOKENS, seal=Seal(), **options)


def refused(body: Obj, *betas: str, **options: Any) -> str:
    with pytest.raises(Problem) as caught:
        judged(body, *betas, **options)
    assert caught.value.status == 400
    assert caught.value.type == "invalid_request_error"
    return caught.value.message


def marked(text: str, marker: Obj = MARK) -> Obj:
    return {"type": "text", "text": text, "cache_control": marker}


SEARCH = web_search("cats", "A page about cats")
GOOD: dict[str, Obj] = {
    "plain": request(user("hi")),
    "pair": request(user("hi"), assistant(use("a")), user(result("a"))),
    "result as list": request(user("hi"), assistant(use("a")), user(result("a", [TEXT]))),
    "result without content": request(
        user("hi"), assistant(use("a")), user({"type": "tool_result", "tool_use_id": "a"})
    ),
    "parallel": request(
        user("hi"), assistant(use("a"), use("b")), user(result("b"), result("a"), TEXT)
    ),
    "system in between": request(
        user("hi"), system("env"), assistant(use("a")), user(result("a")), system("more")
    ),
    "server tool": request(user("hi"), assistant(*SEARCH, TEXT), user("and?")),
    "prefill of an old model": request(user("hi"), assistant("I"), model="claude-sonnet-4-5"),
    "four markers": request(
        user(marked("a"), marked("b")), system=[marked("c", LONG), marked("d", LONG)]
    ),
    "a result's inner marker": request(
        user("hi"), assistant(use("a")), user(result("a", [marked("x")]))
    ),
    "two users in a row": request(user("hi"), user("there")),
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_a_request_that_keeps_the_rules_is_accepted(body: Obj) -> None:
    assert judged(body).dropped == []


UNANSWERED = "`tool_use` ids were found without `tool_result` blocks immediately after: "
BAD: dict[str, tuple[Obj, str]] = {
    "call without result": (
        request(user("hi"), assistant(use("a")), user("no")),
        (f"messages.1: {UNANSWERED}a. Each `tool_use` block must have a corresponding "
        "`tool_result` block in the next message."),
    ),
    "call at the end": (
        request(user("hi"), assistant(use("a")), model="claude-sonnet-4-5"),
        f"messages.1: {UNANSWERED}a.",
    ),
    "one of two results": (
        request(user("hi"), assistant(use("a"), use("b")), user(result("a"))),
        f"messages.1: {UNANSWERED}b.",
    ),
    "results split over messages": (
        request(user("hi"), assistant(use("a"), use("b")), user(result("a")), user(result("b"))),
        f"messages.1: {UNANSWERED}b.",
    ),
    "text before the result": (
        request(user("hi"), assistant(use("a")), user(TEXT, result("a"))),
        f"messages.1: {UNANSWERED}a.",
    ),
    "system between call and result": (
        request(user("hi"), assistant(use("a")), system("x"), user(result("a"))),
        f"messages.1: {UNANSWERED}a.",
    ),
    "result without call": (
        request(user("hi"), assistant("ok"), user(result("a"))),
        ("messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: a. Each "
        "`tool_result` block must have a corresponding `tool_use` block in the previous message."),
    ),
    "result at the start": (
        request(user(result("a"))),
        "messages.0.content.0: unexpected `tool_use_id` found",
    ),
    "result of an older call": (
        request(
            user("hi"), assistant(use("a")), user(result("a")), assistant("x"), user(result("a"))
        ),
        "messages.4.content.0: unexpected `tool_use_id` found",
    ),
    "two results of one call": (
        request(user("hi"), assistant(use("a")), user(result("a"), result("a"))),
        "messages.2.content.1: each tool_use must have a single result.",
    ),
    "one id twice": (
        request(user("hi"), *[assistant(use("a")), user(result("a"))] * 2),
        "messages.3.content.0: `tool_use` ids must be unique",
    ),
    "odd id": (
        request(user("hi"), assistant(use("a b")), user(result("a b"))),
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    "call by the user": (
        request(user(use("a"))),
        "messages.0: `tool_use` blocks can only be in `assistant` messages",
    ),
    "server call without result": (
        request(user("hi"), assistant(SEARCH[0]), user("and?")),
        "messages.1: `web_search` tool use with id `srvtoolu_",
    ),
    "server result without call": (
        request(user("hi"), assistant(SEARCH[1]), user("and?")),
        "messages.1.content.0: unexpected `tool_use_id` found in `web_search_tool_result` blocks",
    ),
    "no messages": (request(), "messages: at least one message is required"),
    "assistant first": (
        request(assistant("hi"), user("x")),
        'messages: first message must use the "user" role',
    ),
    "unknown role": (request({"role": "tool", "content": "x"}), 'Unexpected role "tool"'),
    "system role for an old model": (
        request(user("hi"), system("x"), model="claude-sonnet-4-5"),
        'messages: Unexpected role "system".',
    ),
    "empty text": (
        request(user({"type": "text", "text": ""})),
        "messages: text content blocks must be non-empty",
    ),
    "blank text": (
        request(user({"type": "text", "text": " \n"})),
        "messages: text content blocks must contain non-whitespace text",
    ),
    "empty text in a result": (
        request(user("hi"), assistant(use("a")), user(result("a", [{"type": "text", "text": ""}]))),
        "messages: text content blocks must be non-empty",
    ),
    "empty system text": (
        request(user("hi"), system=[{"type": "text", "text": ""}]),
        "system: text content blocks must be non-empty",
    ),
    "marker on empty text": (
        request(user(marked(""))),
        "messages.0.content.0.text: cache_control cannot be set for empty text blocks",
    ),
    "empty content": (
        request(user("hi"), assistant(), user("x")),
        "messages.1: all messages must have non-empty content",
    ),
    "unknown block": (request(user({"type": "nope"})), "Input tag 'nope' found using 'type'"),
    "field too many in a block": (
        request(user({**TEXT, "extra": 1})),
        "messages.0.content.0.text.extra: Extra inputs are not permitted",
    ),
    "marker on thinking": (
        request(
            user("hi"),
            assistant({"type": "thinking", "thinking": "", "signature": "", "cache_control": MARK}),
            user("x"),
        ),
        "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    ),
    "field too many in a message": (
        request({**user("hi"), "name": "x"}),
        "messages.0.name: Extra inputs are not permitted",
    ),
    "prefill of a new model": (
        request(user("hi"), assistant("I")),
        "This model does not support assistant message prefill.",
    ),
    "prefill that ends in a blank": (
        request(user("hi"), assistant("I "), model="claude-sonnet-4-5"),
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    "five markers": (
        request(user(*[marked(c) for c in "abcd"]), system=[marked("e")]),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "automatic marker is the fifth": (
        request(user(*[marked(c) for c in "abcd"]), cache_control=MARK),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "long after short": (
        request(user(TEXT, marked("a", LONG)), system=[marked("e")]),
        ("messages.0.content.1.cache_control.ttl: a ttl='1h' cache_control block must not come "
        "after a ttl='5m' cache_control block. Note that blocks are processed in the following "
        "order: `tools`, `system`, `messages`."),
    ),
    "unknown ttl": (
        request(user(marked("a", {"type": "ephemeral", "ttl": "2h"}))),
        "cache_control.ttl: Input should be '5m' or '1h'",
    ),
    "unknown field": (request(user("hi"), zebra=1), "zebra: Extra inputs are not permitted"),
    "context_management without its beta": (
        request(user("hi"), context_management={"edits": []}),
        "context_management: Extra inputs are not permitted",
    ),
    "block_binding without its beta": (
        request(user("hi"), thinking={"type": "adaptive", "block_binding": {}}),
        "thinking.adaptive.block_binding: Extra inputs are not permitted",
    ),
    "output_config in a message without its beta": (
        request({**user("hi"), "output_config": {"effort": "low"}}),
        "messages.0.output_config: Extra inputs are not permitted",
    ),
    "no max_tokens": (
        {k: v for k, v in request(user("hi")).items() if k != "max_tokens"},
        "max_tokens: Field required",
    ),
    "max_tokens over the limit": (
        request(user("hi"), max_tokens=128_001),
        ("max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens for "
        "claude-opus-5-5"),
    ),
    "metadata": (
        request(user("hi"), metadata={"tenant": "x"}),
        "metadata.tenant: Extra inputs are not permitted",
    ),
    "budget of all tokens": (
        request(user("hi"), max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 2000}),
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    "tool twice": (
        request(user("hi"), tools=[{"name": "A", "input_schema": {}}] * 2),
        "tools: Tool names must be unique.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "text"), BAD.values(), ids=BAD)
def test_a_request_that_breaks_a_rule_is_refused_in_the_apis_words(body: Obj, text: str) -> None:
    assert text in refused(body)


@pytest.mark.parametrize(
    ("beta", "fields"),
    [
        ("context-management-2025-06-27", {"context_management": {"edits": []}}),
        ("mcp-client-2026-09-15", {"mcp_servers": []}),
        (
            "thinking-binding-controls-2026-08-01",
            {"thinking": {"type": "adaptive", "block_binding": {}}},
        ),
    ],
)
def test_a_field_is_accepted_with_its_beta_header(beta: str, fields: Obj) -> None:
    assert judged(request(user("hi"), **fields), beta).max_tokens == 1000


def test_the_message_field_of_claude_code_is_accepted_with_its_beta() -> None:
    effort = {"output_config": {"effort": "medium"}}
    body = request(user("hi"), {**system("x"), **effort})
    assert judged(body, "per-turn-control-2026-07-01").dropped == []
    body = request(user("hi"), {"role": "system", "content": [], **effort}, user("on"))
    assert judged(body, "per-turn-control-2026-07-01").dropped == []


FOLLOW = "role 'system' must follow a 'user' message or an 'assistant' message ending in a server"
PRECEDE = "role 'system' must precede an 'assistant' message or end the array"


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([system("x"), user("hi")], "messages.0: use the top-level 'system' parameter"),
        ([user("hi"), assistant("a"), system("x"), user("b")], f"messages.2: {FOLLOW}"),
        ([user("hi"), system("x"), user("b")], f"messages.1: {PRECEDE}"),
        ([user("hi"), system("x"), system("y"), user("b")], f"messages.2: {PRECEDE}"),
        (
            [user("hi"), system({"type": "document", "source": {}}), assistant("a")],
            "messages.1: role 'system' supports text, tool_addition, and tool_removal blocks only",
        ),
    ],
)
def test_a_system_message_has_its_places(messages: list[Obj], text: str) -> None:
    assert refused(request(*messages, user("end"))).startswith(text)


def test_system_messages_in_a_row_are_one_section() -> None:
    section = [system("x"), system("y")]
    searched = assistant(*web_search("rust", "a"))
    for before in ([], [assistant("a"), user("b")], [searched]):
        body = request(user("hi"), *before, *section, assistant("c"), user("end"), *section)
        assert judged(body).dropped == []


def test_clearing_thinking_needs_thinking() -> None:
    edits = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    body = request(user("hi"), context_management=edits)
    beta = "context-management-2025-06-27"
    assert "strategy requires `thinking` to be enabled or adaptive" in refused(body, beta)
    assert judged({**body, "thinking": {"type": "adaptive"}}, beta).dropped == []


def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(Problem, match="model: claude-nope-9") as caught:
        judged(request(user("hi"), model="claude-nope-9"))
    assert (caught.value.status, caught.value.type) == (404, "not_found_error")


def test_a_prompt_over_the_window_is_told_its_size() -> None:
    body = request(user("word " * 500))
    size = TOKENS.request(body, 1.35).total
    assert refused(body, window=400) == f"prompt is too long: {size} tokens > 400 maximum"
    assert judged(body, window=size).max_tokens == 1000


def test_the_sum_is_checked_where_the_model_does() -> None:
    body = request(user("hi"), model="claude-opus-4-1", max_tokens=20_000)
    size = TOKENS.request(body, 1.15).total
    assert refused(body, window=20_000) == (
        f"input length and `max_tokens` exceed context limit: {size} + 20000 > 20000,"
        " decrease input length or `max_tokens` and try again"
    )
    assert judged({**body, "model": "claude-sonnet-4-5"}, window=20_000).max_tokens == 20_000


def test_the_long_window_comes_with_its_beta() -> None:
    body = request(user("a b c d e f g h " * 25_000), model="claude-sonnet-4-5")
    assert "> 200000 maximum" in refused(body)
    assert judged(body, "context-1m-2025-08-07").dropped == []


def test_counting_needs_no_output_limit_and_keeps_the_other_rules() -> None:
    body = request(user("hi"))
    del body["max_tokens"]
    judge_count(view(body, {}), Seal())
    with pytest.raises(Problem, match="unexpected `tool_use_id`"):
        judge_count(view({**body, "messages": [user(result("a"))]}, {}), Seal())


NAMES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)


@given(NAMES, st.data())
def test_results_may_come_in_any_order_but_none_may_be_missing(
    names: list[str], data: st.DataObject
) -> None:
    calls = [use(name) for name in names]
    order = data.draw(st.permutations(names))
    whole = request(user("hi"), assistant(*calls), user(*map(result, order), TEXT))
    assert judged(whole).dropped == []
    gone = data.draw(st.sampled_from(names))
    rest = [result(name) for name in order if name != gone]
    assert UNANSWERED + gone in refused(request(user("hi"), assistant(*calls), user(*rest, TEXT)))
