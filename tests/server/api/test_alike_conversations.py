"""Two conversations that begin alike are two; forks, resumptions and second tries are one."""

import secrets
from pathlib import Path

import pytest

from harness.simulator import Simulator
from palimpsest.exchanges.byte_log import MEMORY_BYTES
from tests.support.person import INTELLIGENCE, TAG, Talk
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import ID, ended
from tests.support.told_fact import QUESTION, SETTLED, told

SESSION, AGENT = "x-claude-code-session-id", "x-claude-code-agent-id"


@pytest.fixture
def project() -> str:
    return f"/srv/{secrets.token_hex(4)}"


async def places(running: RunningProxy, *answers: object) -> list[tuple[str, int]]:
    """Conversation and turn of each answer's request."""
    states = [await ended(running, getattr(answer, "headers")[ID]) for answer in answers]  # noqa: B009
    return [(state["conversation"], state["turn"]) for state in states]


async def test_sessions_with_the_same_words_and_answers_are_two_conversations(
    running: RunningProxy, upstream: Simulator, project: str
) -> None:
    one, two = Talk(upstream, project), Talk(upstream, project)
    first = [await talk.says(running.url, "continue") for talk in (one, two)]
    second = [await talk.says(running.url, "go on") for talk in (one, two)]
    third = [await talk.says(running.url, "and on") for talk in (two, one)]
    (a, b), (c, d), (f, e) = [await places(running, *answers) for answers in (first, second, third)]
    assert a[0] != b[0]
    assert [c, e] == [(a[0], 2), (a[0], 3)]
    assert [d, f] == [(b[0], 2), (b[0], 3)]


@pytest.mark.parametrize("times", [1, 6_000], ids=["short", "of over a MB on the wire"])
async def test_without_sessions_first_turns_are_told_apart_by_their_answers(
    running: RunningProxy, upstream: Simulator, project: str, times: int
) -> None:
    one, two = (Talk(upstream, project, **{SESSION: ""}) for _ in range(2))
    one.streams = two.streams = True
    one.max_tokens, two.max_tokens = 32_000, 31_999  # else it is a second try of the same request
    upstream.pace.delta_chars = 4
    first = [
        await talk.says(running.url, "continue", answer)
        for talk, answer in ((one, "With what? " * times), (two, "I go on. " * times))
    ]
    assert times == 1 or all(len(answer.content) > MEMORY_BYTES for answer in first)
    second = [await talk.says(running.url, "go on") for talk in (one, two)]
    a, b = await places(running, *first)
    assert a[0] != b[0]
    assert await places(running, *second) == [(a[0], 2), (b[0], 2)]


async def test_a_resumed_session_goes_on(
    running: RunningProxy, upstream: Simulator, project: str
) -> None:
    """Under another session id, and so does each of its later turns."""
    one = Talk(upstream, project)
    first = await one.says(running.url, "continue")
    resumed = Talk(upstream, project)
    resumed.messages = [*one.messages]
    second = await resumed.says(running.url, "go on")
    third = await resumed.says(running.url, "and on")
    [(conversation, _)] = await places(running, first)
    assert await places(running, second, third) == [(conversation, 2), (conversation, 3)]


async def test_a_second_try_of_a_first_turn_is_the_same_conversation(
    running: RunningProxy, upstream: Simulator, project: str
) -> None:
    one = Talk(upstream, project)
    first = await one.says(running.url, "continue")
    one.messages.clear()
    again = await one.says(running.url, "continue")
    a, b = await places(running, first, again)
    assert a[0] == b[0]


async def test_identical_agents_are_told_apart_on_every_turn(
    running: RunningProxy, upstream: Simulator, project: str
) -> None:
    session = secrets.token_hex(8)
    one, two = (
        Talk(upstream, project, **{SESSION: session, AGENT: f"agent-{number}"})
        for number in range(2)
    )
    first = [await talk.says(running.url, "Look into it.") for talk in (one, two)]
    second = [await talk.says(running.url, "More.") for talk in (one, two)]
    a, b = await places(running, *first)
    assert a[0] != b[0]
    assert await places(running, *second) == [(a[0], 2), (b[0], 2)]


async def test_an_opt_out_silences_its_own_conversation_only(
    parts: Parts, upstream: Simulator, tmp_path: Path, project: str
) -> None:
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        await told(running, upstream, project)
        silent = Talk(upstream, project, **{"x-palimpsest-memory": "off"})
        await silent.says(running.url, "continue")
        alike = Talk(upstream, project)
        await alike.says(running.url, "continue")
        answer = await alike.says(running.url, QUESTION)
        assert answer.headers[INTELLIGENCE].startswith("hit")


async def test_what_was_injected_in_one_does_not_stand_in_the_other(
    parts: Parts, upstream: Simulator, tmp_path: Path, project: str
) -> None:
    """And what was not found for one is looked for anew in the other."""
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        early = Talk(upstream, project)
        answer = await early.says(running.url, QUESTION)
        assert answer.headers[INTELLIGENCE] == "none"
        await told(running, upstream, project)
        late = Talk(upstream, project)
        answer = await late.says(running.url, QUESTION)
        assert answer.headers[INTELLIGENCE].startswith("hit"), "no stale answer"
        await early.says(running.url, "Thank you.")
        assert TAG not in early.forwarded()[0], "its prefix stays as it was sent"
        await late.says(running.url, "Thank you.")
        assert TAG in late.forwarded()[0]
