"""What must not be kept is not kept, and what is deleted does not come back: the whole way."""

import secrets
from pathlib import Path
from random import Random

import httpx
from sqlalchemy import text

from harness.simulator import Simulator
from palimpsest.memory.model import MemoryFilter
from tests.support.person import INTELLIGENCE, TAG, Talk
from tests.support.planted_secrets import FORMS, NAMED, named
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import eventually
from tests.support.told_fact import FACT, QUESTION, SETTLED, learned, told


async def delete(running: RunningProxy, **params: str) -> dict[str, dict[str, int]]:
    headers = {"authorization": f"Bearer {running.token}"}
    async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=60) as client:
        answer = await client.delete("/v1/memory", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_no_secret_gets_into_what_is_known(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    project = f"/srv/{secrets.token_hex(4)}"
    random = Random(project)
    planted = [named(number, random) for number in range(NAMED)]
    planted += [(secret, secret) for secret in (made(random) for made in FORMS.values())]
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        talk = Talk(upstream, project)
        await talk.says(running.url, f"I work in {project} with:\n{planted[0][1]}")
        for number, (_, words) in enumerate(planted):
            output = f"some output\n{words}\nmore"
            await talk.calls(running.url, f"cat {number} <<< {words!r}", output)
        await talk.concludes(running.url, f"I have seen {planted[-2][1]}.")
        memories, which = running.process.memory.store, MemoryFilter(project=project)
        await eventually(lambda: memories.list_page(which, words="I have seen"), bool)
        await learned(running, project)
        kept = await memories.list_page(which, limit=1000)
    texts = "\n".join(f"{memory.text}{memory.detail}" for memory in kept)
    assert texts.count("[secret: ") >= len(planted)
    on_disk = b"".join(
        path.read_bytes() for path in (tmp_path / "vectors").rglob("*") if path.is_file()
    )
    for secret, _ in planted:
        for line in secret.split("\n"):
            assert line not in texts
            assert line.encode() not in on_disk


async def test_what_was_deleted_is_neither_recalled_nor_learned_again(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        talk = Talk(upstream, project)
        await talk.says(running.url, f"I work in {project}.")
        await talk.says(running.url, FACT)
        await learned(running, project, FACT)
        gone = await delete(running, project=project)
        assert gone["deleted"]["memories"] >= 3
        assert gone["deleted"]["requests"] == 2
        assert gone["checked"] == {"memories": 0, "captured": 0, "index": 0}
        asking = Talk(upstream, project)
        answer = await asking.says(running.url, QUESTION)
        assert answer.headers[INTELLIGENCE] == "none"
        # The client still has its history, and goes on with it.
        await talk.says(running.url, "Something new to be kept.")
        memories = running.process.memory.store
        kept = await eventually(
            lambda: memories.list_page(MemoryFilter(project=project)),
            lambda kept: any("Something new" in memory.text for memory in kept),
        )
        assert not any(FACT in memory.text for memory in kept)


async def test_a_recall_stays_where_it_was_made(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """What was sent is sent again, byte for byte, until its own conversation is deleted."""
    project = f"/srv/{secrets.token_hex(4)}"
    async with running_proxy(parts, tmp_path, upstream.url, **SETTLED) as running:
        await told(running, upstream, project)
        talk = Talk(upstream, project)
        await talk.says(running.url, QUESTION)
        assert TAG in talk.forwarded()[0]
        first = talk.forwarded()[0]
        [row] = await running.process.stores.database.run(_TOLD_IN, {"project": project})
        assert (await delete(running, conversation=row["conversation_id"]))["checked"] == {
            "memories": 0,
            "captured": 0,
            "index": 0,
        }
        await talk.says(running.url, "Thank you.")
        assert talk.forwarded()[0] == first
        await delete(running, project=project)
        await talk.says(running.url, "Goodbye.")
        assert TAG not in "".join(talk.forwarded())


_TOLD_IN = text("""
SELECT DISTINCT conversation_id FROM memories
WHERE project = :project AND strpos(text, 'billing service listens') > 0
""")
