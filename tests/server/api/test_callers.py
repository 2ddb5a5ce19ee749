"""What is remembered belongs to somebody: to a key, or to the organisation of a token."""

import secrets
from pathlib import Path

from harness.simulator import Simulator
from tests.support.person import INTELLIGENCE, TAG, Talk
from tests.support.proxy import Parts, running_proxy
from tests.support.requests import ID, ended
from tests.support.told_fact import FACT, QUESTION, SETTLED, learned, told


def token_of(upstream: Simulator, organisation: str) -> dict[str, str]:
    """The header of a new OAuth token of an organisation."""
    token = f"sk-ant-oat01-{secrets.token_hex(16)}"
    upstream.app.organisations[token] = organisation
    return {"authorization": f"Bearer {token}"}


def asked_for_models(upstream: Simulator) -> int:
    return sum(call.path.startswith("/v1/models") for call in upstream.log)


async def test_another_key_in_the_same_project_gets_nothing(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        await told(running, upstream, project)
        stranger = Talk(upstream, project, **{"x-api-key": "sk-ant-another"})
        answer = await stranger.says(running.url, QUESTION)
        assert answer.headers[INTELLIGENCE] == "none"
        assert FACT not in "".join(stranger.forwarded())
        own = await Talk(upstream, project).says(running.url, QUESTION)
        assert own.headers[INTELLIGENCE].startswith("hit")


async def test_another_key_with_the_same_history_gets_none_of_what_was_injected(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """Nor does it with the session that it claims."""
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        await told(running, upstream, project)
        session = {"x-claude-code-session-id": secrets.token_hex(8)}
        own = Talk(upstream, project, **session)
        first = await own.says(running.url, QUESTION)
        assert TAG in own.forwarded()[0]
        stranger = Talk(upstream, project, **{"x-api-key": "sk-ant-another", **session})
        stranger.messages = [*own.messages]
        answer = await stranger.says(running.url, "And on which host?")
        assert TAG not in "".join(stranger.forwarded())
        theirs = await ended(running, answer.headers[ID])
        ours = await ended(running, first.headers[ID])
        assert theirs["conversation"] != ours["conversation"]


async def test_what_an_organisation_remembers_stays_while_its_tokens_rotate(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        talk = Talk(upstream, project, **token_of(upstream, "org-1"))
        await talk.says(running.url, f"I work in {project}.")
        await talk.says(running.url, FACT)
        await learned(running, project, FACT)
        asked = asked_for_models(upstream)
        rotated = Talk(upstream, project, **token_of(upstream, "org-1"))
        answer = await rotated.says(running.url, QUESTION)
        assert answer.headers[INTELLIGENCE].startswith("hit")
        await rotated.says(running.url, "Thank you.")
        assert asked_for_models(upstream) == asked + 1, "once for a token that is new"
        foreign = Talk(upstream, project, **token_of(upstream, "org-2"))
        answer = await foreign.says(running.url, QUESTION)
        assert answer.headers[INTELLIGENCE] == "none"


async def test_a_conversation_goes_on_with_the_token_that_took_the_place_of_another(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """With what was injected, in this process and in the next."""
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        talk = Talk(upstream, project, **token_of(upstream, "org-3"))
        await talk.says(running.url, f"I work in {project}.")
        await talk.says(running.url, FACT)
        await learned(running, project, FACT)
        asking = Talk(upstream, project, **token_of(upstream, "org-3"))
        first = await asking.says(running.url, QUESTION)
        sent = asking.forwarded()[0]
        assert TAG in sent
    asking.take_token(token_of(upstream, "org-3"))
    async with running_proxy(parts, tmp_path / "other", upstream.url) as running:
        second = await asking.says(running.url, "Thank you.")
        assert asking.forwarded()[0] == sent
        assert (await ended(running, second.headers[ID]))["conversation"] == (
            await ended(running, first.headers[ID])
        )["conversation"]


async def test_the_first_answer_tells_whose_a_token_is(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """Its conversation is the organisation's from its first turn on."""
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url) as running:
        talk = Talk(upstream, project, **token_of(upstream, f"org-{secrets.token_hex(4)}"))
        first = await talk.says(running.url, f"I work in {project}.")
        second = await talk.says(running.url, FACT)
        states = [await ended(running, answer.headers[ID]) for answer in (first, second)]
    assert states[0]["conversation"] == states[1]["conversation"]
    assert [state["turn"] for state in states] == [1, 2]
