"""A segment is kept and learned from, on a real database."""

from datetime import UTC, datetime

import msgspec
from sqlalchemy import text

from palimpsest.context.model import Injection
from palimpsest.memory.model import (
    Fix,
    Kind,
    MemoryFilter,
    injectable,
)
from tests.support.agent_work import (
    LINT,
    ROOT,
    Doing,
    mended,
)
from tests.support.learner import Learner
from tests.support.messages import assistant, user
from tests.support.stored_conversation import answered, talk
from tests.support.stored_epochs import epoch
from workflows.contracts import LearnSegmentInput

KEY = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"


SENT_BY = text("UPDATE requests SET applied_epoch = :chain WHERE id = :id")


async def test_turns_are_kept_with_their_place(learner: Learner) -> None:
    segment = await answered(learner.database, talk(mended().built), "one")
    kept, _ = await learner.run(segment)
    assert kept.outcome == "kept"
    turns = await learner.memories.list_page(MemoryFilter(kind=Kind.TURN))
    assert kept.parts == len(turns) > 3
    asked = next(turn for turn in turns if turn.role == "user")
    assert asked.text == "Mend the linter's errors, please."
    assert (asked.project, asked.conversation, asked.position) == (ROOT, "one", 0)
    assert any(turn.text.startswith("Bash make lint (failed)") for turn in turns)


async def test_the_models_last_words_are_kept_too(learner: Learner) -> None:
    said = {"type": "text", "text": "It was the Norwegian blue."}
    response = msgspec.json.encode({"type": "message", "content": [said]})
    headers = '[["content-type", "application/json"]]'
    first = await answered(
        learner.database,
        talk([user("Which parrot?")]),
        "one",
        response=response,
        response_headers=headers,
    )
    await learner.run(first)
    turns = await learner.memories.list_page()
    assert [(turn.text, turn.position) for turn in turns if turn.role == "assistant"] == [
        ("It was the Norwegian blue.", 1)
    ]
    going_on = [user("Which parrot?"), assistant("It was the Norwegian blue."), user("Thanks.")]
    await learner.run(await answered(learner.database, talk(going_on), "one"))
    assert len(await learner.memories.list_page()) == len(turns) + 1


async def test_a_fix_of_two_conversations_is_offered_in_a_third(learner: Learner) -> None:
    await learner.said(mended("path").built, "one")
    [once] = await learner.fixes()
    assert not injectable(once)
    result = await learner.said(mended("other.file").built, "two")
    assert (result.found, result.new) == (2, 0), "the fix, and how to lint"
    [twice] = await learner.fixes()
    assert twice.conversations == 2
    assert injectable(twice)
    assert isinstance(twice.detail, Fix)
    assert await learner.memories.find_fixes(twice.detail.signature, ROOT) == [twice]


async def test_what_was_imported_before_bears_nothing_out(learner: Learner) -> None:
    await learner.said(mended().built, "import_one")
    going_on = mended().say("Thanks.")
    assert (await learner.said(going_on.built, "two")).found == 0
    [fix] = await learner.fixes()
    assert fix.conversations == 1
    again = going_on.run("make lint", LINT, fails=True).edit(
        "app/main.go", "os.Remove(path)", "_ = os.Remove(path) //nolint:errcheck"
    )
    await learner.said(again.run("make lint", "ok").built, "two")
    [fix] = await learner.fixes()
    assert fix.conversations == 2


async def test_the_same_segment_again_changes_nothing(learner: Learner) -> None:
    segment = await answered(learner.database, talk(mended().built), "one")
    await learner.run(segment)
    before = await learner.memories.list_page()
    kept, learned = await learner.run(segment)
    assert (kept.outcome, learned.outcome) == ("known", "known")
    assert await learner.memories.list_page() == before


async def test_an_activity_may_be_repeated(learner: Learner) -> None:
    segment = await answered(learner.database, talk(mended().built), "one")
    given = LearnSegmentInput(segment.request_id, "one", segment.chain.hex(), segment.depth)
    first = await learner.archive.run(given)
    again = await learner.archive.run(given)
    assert (again.outcome, again.parts) == ("kept", 0) != (first.outcome, first.parts)


async def test_what_ended_an_error_of_the_segment_before_is_found(learner: Learner) -> None:
    doing = Doing().run("make lint", LINT, fails=True)
    assert (await learner.said(doing.built, "one")).found == 0
    doing.edit("app/main.go", "os.Remove(path)", "_ = os.Remove(path)").run("make lint", "ok")
    assert (await learner.said(doing.built, "one")).found == 2
    [fix] = await learner.fixes()
    assert fix.position == 6


async def test_no_secret_is_kept(learner: Learner) -> None:
    doing = mended(f'"{KEY}"').run("make deploy", f"token={KEY}\n" * 40)
    doing.say(f"Always use {KEY} for the deployment.")
    await learner.said(doing.built, "one")
    memories = await learner.memories.list_page(limit=1000)
    assert len(memories) > 5
    assert not any(KEY[:20] in str(memory) for memory in memories)
    assert any("[secret: " in memory.text for memory in memories)


async def test_of_what_opted_out_nothing_is_kept(learner: Learner) -> None:
    await learner.permission.opt_out_conversation("out")
    assert (await learner.said(mended().built, "out")).outcome == "opted_out"
    segment = await answered(learner.database, talk(mended().built, project="/secret/x"), "two")
    kept, _ = await learner.run(segment)
    assert kept.outcome == "opted_out"
    assert await learner.memories.list_page() == []


async def test_a_side_call_is_no_conversation(learner: Learner) -> None:
    segment = await answered(learner.database, talk(mended().built, tools=[]), "one")
    kept, _ = await learner.run(segment)
    assert kept.outcome == "side_call"
    assert await learner.segments.find_rested(0, datetime(2026, 1, 1, tzinfo=UTC)) == []


async def test_a_sub_agents_prompt_is_no_persons_word(learner: Learner) -> None:
    doing = mended().say("Always use tabs.")
    segment = await answered(learner.database, talk(doing.built, agent=True), "one")
    await learner.run(segment)
    memories = await learner.memories.list_page()
    assert {memory.role for memory in memories if memory.kind is Kind.TURN} == {"assistant", "tool"}
    assert not [memory for memory in memories if "tabs" in memory.text and memory.detail]
    assert len(await learner.fixes()) == 1


async def test_what_was_offered_is_judged_once(learner: Learner) -> None:
    await learner.said(mended().built, "one")
    [fix] = await learner.fixes()
    doing = mended("elsewhere")
    segment = await answered(learner.database, talk(doing.built), "two")
    told = Injection(0, b"{}", 10, (fix.id,), "hit")
    sent_by = msgspec.structs.replace(epoch(segment.chain, segment.depth), injections=(told,))
    await learner.ledger.record(sent_by, "on", "two", segment.request_id)
    await learner.database.run(SENT_BY, {"chain": segment.chain, "id": segment.request_id})
    assert (await learner.run(segment))[1].judged == 1
    [fix] = await learner.fixes()
    assert (fix.successes, fix.failures) == (1, 0)
    assert (await learner.run(segment))[1].judged == 0


async def test_a_body_that_is_gone_is_given_up(learner: Learner) -> None:
    segment = await answered(learner.database, talk([user("hello")]), "one")
    gone = LearnSegmentInput("req_gone", "one", segment.chain.hex(), segment.depth)
    assert (await learner.archive.run(gone)).outcome == "expired"
    assert (await learner.learn.run(gone)).outcome == "expired"
    assert await learner.segments.find_rested(0, datetime(2026, 1, 1, tzinfo=UTC)) == []
