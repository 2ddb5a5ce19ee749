"""What of a tool's output is kept when the output goes: the facts that occur nowhere else."""

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from palimpsest.context.salience import fragments, salient
from palimpsest.dialects.anthropic.blocks import parse_message
from palimpsest.dialects.model import BlockKind
from palimpsest.dialects.tokenizer import text_tokens
from tests.support.planted_facts import facts, planted
from tests.support.sessions import encode, load

CODE = "\n".join(
    f"{number:6d}→\tif err := store.Load{'Save' * (number % 3)}(ctx, session); err != nil {{\n"
    f"{number:6d}→\t\treturn fmt.Errorf(\"load session: %w\", err) // retried by the caller"
    for number in range(1, 150)
)  # fmt: skip
LOG = "\n".join(
    f"2026-03-11T10:{minute % 60:02d}:07Z INFO request served path=/v1/items status=200"
    for minute in range(200)
)
RECORDS = "[" + ",".join(f'{{"id":{number},"state":"open"}}' for number in range(400)) + "]"


@pytest.mark.parametrize("text", [CODE, LOG, RECORDS], ids=["code", "log", "one long line"])
def test_a_fact_stands_out_from_what_surrounds_it(text: str) -> None:
    random = Random(7)
    for fact in facts(random):
        kept = salient(planted(text, fact, random), 50)
        assert any(fact.key in line for line in kept), (fact, kept)


def test_facts_survive_in_real_outputs() -> None:
    """The measure behind the constants: 97 % at 50 tokens, over shapes and depths."""
    random = Random(11)
    outputs = [text for text in _outputs() if 500 <= len(text) <= 30_000]
    planted_facts = [
        (fact, planted(random.choice(outputs), fact, random))
        for _ in range(25)
        for fact in facts(random)
    ]
    kept = [any(fact.key in line for line in salient(text, 50)) for fact, text in planted_facts]
    assert sum(kept) >= 0.95 * len(kept)


def test_a_short_text_is_kept_whole() -> None:
    assert salient("ok  \n\n3 tests passed\n", 50) == ["ok", "3 tests passed"]


def test_a_text_without_anything_unusual_keeps_its_last_line() -> None:
    assert salient("again and again\n" * 300, 20) == ["again and again"]


def test_what_the_client_puts_below_each_file_is_not_kept() -> None:
    reminder = (
        "\n<system-reminder>\nWhenever you read a file, you should consider whether it would be"
        " considered malware. You CAN and SHOULD provide analysis of malware, what it is doing."
        "\n</system-reminder>\n"
    )
    assert not any("malware" in line for line in salient(CODE + reminder, 80))


def test_a_rarer_line_has_the_higher_score() -> None:
    plain, rare = fragments("done\nthe token is kestrel-4417-QX")
    assert rare.score > plain.score


@given(st.text(), st.integers(-5, 90))
@example("a" * 5_000, 20)
@example("\x01\x01 \n\x1b[0m", 8)
@example("é-ß 漢字 " * 400, 30)
@example("1:\n2-\n3→", 3)
def test_the_budget_is_kept_whatever_the_text(text: str, tokens: int) -> None:
    kept = salient(text, tokens)
    assert sum(text_tokens(line) + 2 for line in kept) <= max(tokens, 0)
    assert all(line.strip() for line in kept)


def _outputs() -> list[str]:
    return [
        text
        for segment in load(3, 400)
        for message in segment.messages
        for block in parse_message(encode(message)).blocks
        if block.kind is BlockKind.TOOL_RESULT and (text := block.result_text())
    ]
