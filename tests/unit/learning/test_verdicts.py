"""Injected memories are judged by what happened after them."""

from palimpsest.context.tool_exchanges import find_tool_exchanges
from palimpsest.learning.extraction import extract_candidates
from palimpsest.learning.verdicts import judge_offered
from palimpsest.memory.archive import Origin
from palimpsest.memory.model import Fix, Memory
from tests.support.agent_work import LINT, ROOT, Doing, mended
from tests.support.stored_memories import SAID_AT


def memories(doing: Doing, conversation: str = "conv_1") -> list[Memory]:
    found = extract_candidates(doing.messages, ROOT)
    return [one.to_memory(Origin("default", ROOT, conversation), SAID_AT) for one in found]


def fix() -> Memory:
    return next(memory for memory in memories(mended()) if isinstance(memory.detail, Fix))


def judged(offered: Memory, doing: Doing) -> list[tuple[str, bool]]:
    found = extract_candidates(doing.messages, ROOT)
    calls = [call for exchange in find_tool_exchanges(doing.messages) for call in exchange.calls]
    return list(judge_offered([(0, offered)], calls, found, ROOT))


def test_a_fix_that_ended_the_error_again_helped() -> None:
    offered = fix()
    assert judged(offered, mended("another")) == [(offered.id, True)]


def test_a_fix_was_no_help_where_the_error_ended_otherwise() -> None:
    offered = fix()
    doing = Doing().run("make lint", LINT, fails=True)
    doing.edit("app/main.go", "os.Remove(path)", "if err := os.Remove(path); err != nil {")
    assert judged(offered, doing.run("make lint", "ok")) == [(offered.id, False)]


def test_what_did_not_come_up_is_not_judged() -> None:
    assert judged(fix(), Doing().run("make lint", "ok")) == []


def test_a_command_that_is_not_there_failed() -> None:
    doing = Doing().run("make test", "ok").run("make test", "ok")
    [offered] = memories(doing)
    assert judged(offered, Doing().run("make test", "ok")) == [(offered.id, True)]
    gone = Doing().run("make test", "make: *** No rule to make target `test'", fails=True)
    assert judged(offered, gone) == [(offered.id, False)]
