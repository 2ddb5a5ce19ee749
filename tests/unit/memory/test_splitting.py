"""Nothing gets lost between the parts, and no part is too long to be found by its meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.memory.splitting import PART_BYTES, split_text

LINES = st.lists(
    st.one_of(
        st.text(alphabet="abc .!?\t数é", max_size=120),
        st.integers(0, 2_000).map(lambda n: "word and more. " * (n // 15)),
        st.integers(0, 390).map(lambda n: "x" * n),
    ),
    max_size=40,
)


def letters(text: str) -> str:
    return "".join(text.split())


@given(LINES)
def test_every_letter_is_in_some_part_in_its_order(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = split_text(text)
    assert letters("".join(found)) == letters(text)
    assert all(len(part.encode()) <= PART_BYTES and part.strip() for part in found)


def test_a_line_is_not_cut_while_it_fits() -> None:
    lines = [f"{number}: the quick brown fox jumps over the lazy dog" for number in range(200)]
    found = [line for part in split_text("\n".join(lines)) for line in part.split("\n")]
    assert found == lines


def test_the_parts_are_of_about_equal_size() -> None:
    sizes = [len(part) for part in split_text("some ten bytes\n" * 60)]
    assert len(sizes) == 2
    assert max(sizes) - min(sizes) < 100


def test_a_long_line_is_cut_after_sentences_then_words() -> None:
    sentence = "The lease of a worker that died ends after four seconds. "
    assert all(part.endswith("seconds.") for part in split_text(sentence * 100))
    assert all(part.endswith("word") for part in split_text("word " * 1_000))


def test_encoded_data_is_left_out_and_counted() -> None:
    [part] = split_text(f"logo: {'iVBORw0KGgo' * 1_000} end")
    assert part.startswith("logo: iVBORw0KGgo")
    assert part.endswith("[10940 characters left out] end")


def test_a_line_beyond_any_size_keeps_its_beginning_and_its_end() -> None:
    found = split_text("first " + "w " * 100_000 + "last")
    assert found[0].startswith("first")
    assert found[-1].endswith("last")
    assert sum(map(len, found)) < 70_000
    assert sum("characters left out]" in part for part in found) == 1


@pytest.mark.parametrize("text", ["", " \n\t\n "])
def test_nothing_has_no_parts(text: str) -> None:
    assert split_text(text) == []
