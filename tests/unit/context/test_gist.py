"""The gist of a line that is too long."""

from hypothesis import given
from hypothesis import strategies as st

from palimpsest.context.gist import gist
from palimpsest.context.rarity import rarities, words
from palimpsest.dialects.tokenizer import text_tokens

LINE = "ERROR E575860: the lock on junipermaaf is at this moment held by the process with pid 40783"
WORTHS = rarities([words(LINE), words("the lock on is at this moment held by process with pid")])


def test_a_short_line_is_its_own_gist() -> None:
    assert gist("port 49213", {}, 16, 16) == ("port 49213", "", text_tokens("port 49213"))


def test_the_rarest_pieces_stay_wherever_they_are() -> None:
    kept = gist(LINE, WORTHS, 12, 20).text
    assert kept.startswith("E575860:")
    assert "junipermaaf" in kept
    assert kept.endswith("40783")
    assert " … " in kept


def test_the_rest_is_what_is_not_kept() -> None:
    made = gist(LINE, WORTHS, 12, 20)
    assert sorted(made.text.replace(" … ", " ").split() + made.rest.split()) == sorted(LINE.split())


def test_of_one_long_piece_the_part_around_its_rarest_word() -> None:
    piece = "/".join(["node_modules"] * 60 + ["kestrel4417"] + ["node_modules"] * 60)
    made = gist(piece, {"kestrel4417": 9.0}, 20, 20)
    assert "kestrel4417" in made.text
    assert made.tokens == text_tokens(made.text) <= 20


@given(st.text(), st.dictionaries(st.text(max_size=3), st.floats(0, 20)), st.integers(1, 30))
def test_it_is_never_longer_than_it_may_be(text: str, worths: dict[str, float], room: int) -> None:
    made = gist(text, worths, room, room)
    assert text_tokens(made.text) <= room
