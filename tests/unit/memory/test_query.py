"""What is looked for of what a person wrote."""

from palimpsest.memory.query import condense_question, split_questions

TRACE = "\n".join(
    f'  File "/srv/app/module_{n}.py", line {n}, in call_{n}\n    return self._inner[{n}](x)'
    for n in range(60)
)


def test_a_short_turn_is_asked_as_it_is() -> None:
    assert (
        condense_question("  Why is checkout slow?\n```\ncode\n```")
        == "Why is checkout slow?\n```\ncode\n```"
    )


def test_a_paste_does_not_drown_the_question() -> None:
    text = f"Why does the nightly export fail?\n\n{TRACE}\nValueError: no rate\n\nIt worked before."
    found = condense_question(text)
    assert "Why does the nightly export fail?" in found
    assert "It worked before." in found
    assert "ValueError: no rate" in found
    assert "module_3" not in found


def test_a_fenced_paste_does_not_either_closed_or_not() -> None:
    fenced = "```\n" + "All of this is a quote. " * 100
    for text in (f"Look at this.\n{fenced}\n```\nWhat is wrong?", f"What is wrong?\n{fenced}"):
        assert "What is wrong?" in condense_question(text)
        assert "All of this" not in condense_question(text)


def test_of_long_prose_both_ends_are_asked() -> None:
    middle = "".join(f"Point {n} is that something has to be done about it. " for n in range(80))
    found = condense_question(f"Our goal is a faster build. {middle}Begin with the linker.")
    assert "Our goal is a faster build." in found
    assert "Begin with the linker." in found
    assert len(found) <= 1_200


def test_a_paste_of_megabytes_is_looked_through_at_its_ends() -> None:
    fenced = f"```\n{'0123456789abcdef ' * 60_000}\n```"
    log = f"{TRACE * 100}\nBut this is hidden.\n{TRACE * 100}\nKeyError: no rate"
    found = condense_question(
        f"Why does the nightly export fail?\n{fenced}\n{log}\nPlease mend it."
    )
    asks = ["Why does the nightly export fail?", "KeyError: no rate", "Please mend it."]
    assert found.split("\n") == asks


def test_what_is_nothing_but_a_paste_is_asked_by_its_trouble_or_its_head() -> None:
    assert condense_question(f"{TRACE}\nKeyError: 'rates' not found").endswith(
        "KeyError: 'rates' not found"
    )
    assert condense_question(TRACE) == TRACE.strip()[:1_200]


def test_several_questions_are_asked_together_and_by_themselves() -> None:
    one, other = "Which database do the invoices use?", "How often does the worker retry?"
    assert split_questions(f"{one} {other} Ok?") == (f"{one} {other} Ok?", one, other)


def test_one_question_is_asked_once() -> None:
    assert split_questions("I am back. Which database do we use?") == (
        "I am back. Which database do we use?",
    )
