"""What was learned before comes back: through the running proxy, to the strict simulator."""

import secrets
from pathlib import Path

from sqlalchemy import text

from harness.simulator import Simulator
from tests.support.person import INTELLIGENCE, TAG, Talk
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import eventually
from tests.support.told_fact import FACT, QUESTION, SETTLED, archived, told


async def _borne_out(running: RunningProxy, project: str) -> int:
    """By how many conversations the project's one fix was seen."""
    rows = await running.process.stores.database.run(BORNE_OUT, {"project": project})
    return rows[0]["n"]


BORNE_OUT = text("""
SELECT COALESCE(max(conversations), 0) AS n FROM memories WHERE project = :project AND kind = 'fix'
""")


async def test_what_was_said_once_comes_back_and_stays(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        await told(running, upstream, project)
        talk = Talk(upstream, project)
        answer = await talk.says(running.url, QUESTION)
        first = talk.forwarded()[0]
        assert answer.headers[INTELLIGENCE].startswith("hit;archive=")
        assert answer.headers["x-palimpsest-context"].startswith("extended;tokens=")
        assert first.index(QUESTION) < first.index(TAG) < first.index(FACT)
        await talk.says(running.url, "Thank you.")
        assert talk.forwarded()[0] == first
        metrics = running.process.metrics.render().decode()
        assert "palimpsest_injected_tokens_total 0.0" not in metrics
    # Another process, another index: what was recalled is in the ledger.
    async with running_proxy(parts, tmp_path / "other", upstream.url) as running:
        await talk.says(running.url, "Goodbye.")
        assert talk.forwarded()[0] == first


async def test_a_tool_loop_asks_once(parts: Parts, upstream: Simulator, tmp_path: Path) -> None:
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        await told(running, upstream, project)
        talk = Talk(upstream, project)
        talk.asks(QUESTION)
        for number in range(3):
            await talk.calls(running.url, f"grep port {number}", "nothing")
            assert TAG in talk.forwarded()[0]
        answer = await talk.concludes(running.url)
        assert answer.headers[INTELLIGENCE].startswith("hit;")
        assert "".join(talk.forwarded()).count(TAG) == 1
        metrics = running.process.metrics.render().decode()
    assert 'palimpsest_intelligence_lookups_total{how="cached"} 3.0' in metrics


async def test_other_projects_do_not_hear_of_it(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        await told(running, upstream, project)
        for elsewhere in (f"{project}-other", ""):
            talk = Talk(upstream, elsewhere)
            answer = await talk.says(running.url, QUESTION)
            assert answer.headers[INTELLIGENCE] == "none"
            assert TAG not in talk.forwarded()[0]


async def test_who_opted_out_is_neither_kept_nor_told(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        silent = Talk(upstream, project, **{"x-palimpsest-memory": "off"})
        await silent.says(running.url, "The secret ingredient of the pizza is fennel.")
        await told(running, upstream, project)
        answer = await silent.says(running.url, QUESTION)
        assert answer.headers[INTELLIGENCE] == "none"
        answer = await Talk(upstream, project).says(
            running.url, "What is the secret ingredient of the pizza?"
        )
        assert answer.headers[INTELLIGENCE] == "none"


async def test_without_time_the_request_goes_on(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    hurried = {**SETTLED, "intelligence_deadline": 1e-6}
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **hurried) as running:
        talk = Talk(upstream, project)
        answer = await talk.says(running.url, QUESTION)
        assert answer.headers[INTELLIGENCE] == "degraded;deadline passed"
        assert talk.forwarded() == [f'{{"role":"user","content":"{QUESTION}"}}']


async def test_a_count_of_the_messages_alone_is_of_what_is_sent(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """Without `system` it tells no project: that is the session's."""
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        await told(running, upstream, project)
        talk = Talk(upstream, project)
        await talk.says(running.url, QUESTION)
        sent = talk.forwarded()[0]
        talk.asks("Thank you.")
        await talk.counts(running.url)
        assert talk.forwarded()[0] == sent
        assert TAG in sent


async def test_a_fix_that_two_sessions_saw_is_offered_in_a_third(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    project = f"/srv/{secrets.token_hex(4)}"
    error = (
        "Traceback (most recent call last):\n"
        f'  File "{project}/app.py", line 3, in <module>\n'
        "    import yaml\n"
        "ModuleNotFoundError: No module named 'yaml'"
    )
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        for number in (1, 2):
            talk = Talk(upstream, project)
            talk.asks(f"Please run the app, attempt {number}.")
            await talk.calls(running.url, "python app.py", f"Exit code 1\n{error}", failed=True)
            await talk.calls(running.url, "pip install pyyaml", "Successfully installed pyyaml")
            await talk.calls(running.url, "python app.py", "listening on :8000")
            await talk.concludes(running.url)
            await eventually(lambda: _borne_out(running, project), number.__le__)
        assert await running.process.memory.indexer.catch_up(20)
        third = Talk(upstream, project)
        answer = await third.says(running.url, f"The app does not start:\n{error}")
        assert "debug=1" in answer.headers[INTELLIGENCE]
        assert "pip install pyyaml" in third.forwarded()[0]


async def test_an_opt_out_is_heard_also_where_nothing_is_recalled(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    project = f"/srv/{secrets.token_hex(4)}"
    quiet = {**SETTLED, "intelligence": "off"}
    async with running_proxy(parts, tmp_path, upstream.url, **quiet) as running:
        silent = Talk(upstream, project, **{"x-palimpsest-memory": "off"})
        answer = await silent.says(running.url, f"I am silent in {project}.")
        assert answer.headers[INTELLIGENCE] == "none"
        await told(running, upstream, project)
        assert await archived(running, project, "") == 1
