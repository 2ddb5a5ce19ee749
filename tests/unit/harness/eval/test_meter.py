"""What requests cost, by hand."""

import pytest

from harness.eval.client import encode, frame, plain
from harness.eval.meter import Meter, side_call
from palimpsest.dialects.anthropic.models import lookup
from tests.support.eval_sessions import (
    Message,
    reply,
    text,
    user,
)

MODEL = "claude-sonnet-4-5"
WORDS = "word " * 5_000
MARK = {"cache_control": {"type": "ephemeral"}}


def meter() -> Meter:
    return Meter(frame(MODEL), lookup(MODEL), 0)


def sent(*messages: Message) -> list[bytes]:
    *earlier, last = messages
    blocks = [*last["content"][:-1], last["content"][-1] | MARK]
    return [*(encode(plain(m)) for m in earlier), encode({**last, "content": blocks})]


FIRST = sent(user(WORDS))
SECOND = sent(user(WORDS), reply("Yes."), user("And now?"))


def test_what_is_repeated_is_read_and_what_is_new_is_written() -> None:
    books = meter()
    one, both = books.tokens(FIRST), books.tokens(SECOND)
    books.take(FIRST, 0)
    assert books.billed == pytest.approx(1.25 * one, rel=1e-3)
    books.take(SECOND, 100)
    assert books.billed == pytest.approx(1.25 * one + 0.1 * one + 1.25 * (both - one), rel=1e-3)
    assert books.stable == [1.0]
    assert books.peak == both


def test_after_five_minutes_all_is_written_again() -> None:
    books = meter()
    books.take(FIRST, 0)
    books.take(SECOND, 301)
    whole = books.tokens(FIRST) + books.tokens(SECOND)
    assert books.billed == pytest.approx(1.25 * whole, rel=1e-3)


def test_a_change_breaks_the_prefix_where_it_is() -> None:
    books = meter()
    books.take(SECOND, 0)
    changed = sent(user(WORDS), reply("No."), user("And now?"))
    books.take(changed, 1)
    assert books.breaks == 1
    assert 0.98 < books.stable[0] < 1


def test_a_block_put_in_breaks_it_too() -> None:
    books = meter()
    books.take(SECOND, 0)
    books.take(sent(user(WORDS, text("more")), reply("Yes."), user("And now?")), 1)
    assert books.breaks == 1


def test_a_further_call_reads_the_prompt() -> None:
    assert side_call(160_000, 1_000) == 17_000
